import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage */

/**
 * True if node_modules contains what package-lock.json requires on this machine. npm records what it installed in
 * node_modules/.package-lock.json, as the last thing it does, so an interrupted or manual installation is judged
 * rightly too.
 *
 * @param {string} top the checkout
 */
export function areDependenciesFresh(top) {
  const wanted = packagesOf(join(top, 'package-lock.json'));
  const installed = packagesOf(join(top, 'node_modules/.package-lock.json'));
  return Object.entries(wanted ?? {}).every(([path, locked]) => {
    if (path === '') return true;
    const present = installed?.[path];
    if (present === undefined) return locked.optional === true && !isBinaryForThisMachine(locked);
    return present.version === locked.version && present.integrity === locked.integrity && existsSync(join(top, path));
  });
}

/**
 * Installs exactly what package-lock.json says, development tools included whatever NODE_ENV says. No package's
 * install script runs: the binaries we use come inside the packages.
 *
 * @param {string} top the checkout
 */
export function installDependencies(top) {
  const command = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--include=dev', '--include=optional'];
  // On stderr, so that what a script prints on stdout stays its own.
  const { status, error } = spawnSync('npm', command, { cwd: top, stdio: ['ignore', 2, 2] });
  if (error !== undefined) throw new Error(`cannot run npm, which installs the dependencies: ${error.message}`);
  if (status !== 0) throw new Error('npm ci failed, see above; the first run needs the npm registry');
}

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage> | undefined}
 */
function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined;
}

/**
 * True if an optional package is a binary for this kind of machine. The others may be absent: binaries for other
 * machines, what those need, and of those that come per C library one.
 *
 * @param {LockedPackage} locked
 */
function isBinaryForThisMachine({ os, cpu, libc }) {
  if (os === undefined || cpu === undefined || libc !== undefined) return false;
  return os.includes(process.platform) && cpu.includes(process.arch);
}
