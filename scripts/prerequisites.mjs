import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { canCompose } from './docker.mjs';

/**
 * A requirement of a suite beyond Node. Its tests check for it and name it in their titles: "(needs root)". A suite is
 * a folder of tests, or all tests whose titles name the requirement: "(needs etcd)".
 *
 * A heavy suite has a command of its own, which CI runs besides `npm test`. Only that command requires it.
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
    suite: 'systemd',
    reason: 'needs root that may mount, systemd, and "npm run test:systemd"',
    isThere: canBootSystemd,
    isHeavy: true,
  },
  {
    suite: 'package',
    reason: 'needs the npm registry, and "npm run test:package"',
    isThere: mayInstall,
    isHeavy: true,
  },
  {
    suite: 'browser',
    reason: "needs Debian's chromium",
    isThere: hasChromium,
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
  ...['zsh', 'fish', 'groff'].map((program) => ({
    suite: program,
    reason: `needs ${program} in PATH`,
    isThere: () => hasProgram(program),
    isHeavy: true,
  })),
  { suite: 'kubectl', reason: 'needs kubectl in PATH', isThere: hasKubectl, isHeavy: true },
  {
    suite: 'AppArmor in the kernel',
    reason: 'needs a kernel with AppArmor, and apparmor_parser',
    isThere: hasAppArmor,
    isHeavy: true,
  },
];

/** True if a program that knows `--version` is in PATH. @param {string} name */
export function hasProgram(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** kubectl has no `--version`. */
export function hasKubectl() {
  return spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
}

/** True if the suite was asked for: it asks the npm registry for the package's native code. */
export function mayInstall() {
  return process.env.LANTERN_TEST_INSTALL === '1';
}

/** True if the suite was asked for and this machine's systemd can be booted in namespaces. */
export function canBootSystemd() {
  const isAsked = process.env.LANTERN_TEST_BOOT_SYSTEMD === '1';
  return isAsked && hasSystemdAnalyze() && existsSync('/usr/lib/systemd/systemd') && mayMount();
}

/** True if unit files can be checked here, which needs no running systemd. */
export function hasSystemdAnalyze() {
  return spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Mounts in a mount namespace that ends with the command. A capability bit would not show what AppArmor denies. */
export function mayMount() {
  if (process.getuid?.() !== 0) return false;
  const mount = 'mount -t tmpfs lantern-probe /tmp';
  return spawnSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' }).status === 0;
}

/** True if profiles can be loaded here, and are enforced. */
export function hasAppArmor() {
  const enabled = '/sys/module/apparmor/parameters/enabled';
  return hasAppArmorParser() && existsSync(enabled) && readFileSync(enabled, 'utf8').startsWith('Y');
}

/** True if profiles can be parsed here, which needs no AppArmor in the kernel. */
export function hasAppArmorParser() {
  return spawnSync('apparmor_parser', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Where Debian's package has the browser. */
export const CHROMIUM = '/usr/bin/chromium';

/** True if there is a browser for the live page. */
export function hasChromium() {
  return existsSync(CHROMIUM);
}

/** True if etcd and etcdctl are installed. */
export function hasEtcd() {
  /** @param {string} command @param {string} argument */
  const runs = (command, argument) => spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
  return runs('etcd', '--version') && runs('etcdctl', 'version');
}
