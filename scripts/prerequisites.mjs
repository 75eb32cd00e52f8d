import { spawnSync } from 'node:child_process';

/**
 * What a kind of suite needs beyond Node. Its tests guard themselves and say so in their title, e.g. "(needs root)".
 *
 * @typedef {{ suite: string, reason: string, isThere: () => boolean }} Prerequisite
 */

/** @type {readonly Prerequisite[]} */
export const PREREQUISITES = [{ suite: 'system', reason: 'needs root that may mount', isThere: mayMount }];

/** Found out by mounting, in a mount namespace that ends with the command: a capability bit does not tell what AppArmor denies. */
export function mayMount() {
  if (process.getuid?.() !== 0) return false;
  const mount = 'mount -t tmpfs lantern-probe /tmp';
  return spawnSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' }).status === 0;
}
