import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { canCompose } from './docker.mjs';

/**
 * What a kind of suite needs beyond Node. Its tests guard themselves and say so in their title, e.g. "(needs root)". A suite
 * here is a folder of tests, or what the titles of tests in several folders say they need: "(needs etcd)".
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
  {
    suite: 'hostile',
    reason: 'needs root that may mount, and "npm run test:hostile"',
    isThere: () => process.env.LANTERN_HOSTILE_SEED !== undefined && mayMount(),
    isHeavy: true,
  },
  {
    suite: 'etcd',
    reason: "needs etcd and etcdctl in PATH, e.g. Debian's etcd-server and etcd-client",
    isThere: hasEtcd,
    isHeavy: true,
  },
  {
    suite: 'AppArmor in the kernel',
    reason: 'needs a kernel with AppArmor, and apparmor_parser',
    isThere: hasAppArmor,
    isHeavy: true,
  },
];

/** Found out by mounting, in a mount namespace that ends with the command: a capability bit does not tell what AppArmor denies. */
export function mayMount() {
  if (process.getuid?.() !== 0) return false;
  const mount = 'mount -t tmpfs lantern-probe /tmp';
  return spawnSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' }).status === 0;
}

/** Whether profiles can be loaded here, and are enforced. */
export function hasAppArmor() {
  const enabled = '/sys/module/apparmor/parameters/enabled';
  return hasAppArmorParser() && existsSync(enabled) && readFileSync(enabled, 'utf8').startsWith('Y');
}

/** Whether profiles can be read here, which takes no AppArmor in the kernel. */
export function hasAppArmorParser() {
  return spawnSync('apparmor_parser', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Whether an etcd can be started here, and asked. */
export function hasEtcd() {
  /** @param {string} command @param {string} argument */
  const runs = (command, argument) => spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
  return runs('etcd', '--version') && runs('etcdctl', 'version');
}
