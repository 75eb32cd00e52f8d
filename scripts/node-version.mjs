import { readFileSync } from 'node:fs';

/**
 * Refuses a Node that is older than package.json's `engines` allows, before anything fails in a way that is hard to
 * read.
 *
 * @param {URL} packageFile
 * @param {string} running e.g. "20.19.0"
 */
export function requireNodeVersion(packageFile, running = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(packageFile, 'utf8'));
  const [, major = 0, minor = 0] = /^>=(\d+)\.(\d+)$/.exec(engines.node)?.map(Number) ?? [];
  const [runningMajor = 0, runningMinor = 0] = running.split('.').map(Number);
  if (runningMajor > major || (runningMajor === major && runningMinor >= minor)) return;
  throw new Error(`Lantern needs Node ${engines.node}, and this is Node ${running}: install a newer one (nodejs.org)`);
}
