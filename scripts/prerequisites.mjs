import { spawnSync } from 'node:child_process';
import { canCompose } from './docker.mjs';

/**
 * What a kind of suite needs beyond Node. Its tests guard themselves and say so in their title, e.g. "(needs root)".
 *
 * One that is heavy has a command of its own, which CI runs besides `npm test`: only there it may not be missing.
 *
 * @typedef {{ suite: string, reason: string, isThere: () => boolean, isHeavy: boolean }} Prerequisite
 */

/** @type {readonly Prerequisite[]} */
export const PREREQUISITES = [
  { suite: 'system', reason: 'needs root that may mount', isThere: mayMount, isHeavy: false },
  {
    suite: 'compose',
    reason: 'needs root and a Docker engine with compose; "npm run test:compose" starts one',
    isThere: canCompose,
    isHeavy: true,
  },
];

/** Found out by mounting, in a mount namespace that ends with the command: a capability bit does not tell what AppArmor denies. */
export function mayMount() {
  if (process.getuid?.() !== 0) return false;
  const mount = 'mount -t tmpfs lantern-probe /tmp';
  return spawnSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' }).status === 0;
}

/** Whether an etcd can be started here. */
export function hasEtcd() {
  return spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;
}
