// `npm run test:node`: the demo and a suite on the long-term versions of Node after the oldest one that is supported.
// The binaries come from the npm registry, and stay in .cache; the system is not changed.
//
//   npm run test:node -- 24 26
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const MAJORS = ['24', '26'];
/** Every kind of volume, with real mounts where the user may make them. */
const SUITE = ['scripts/test.mjs', '--project', 'integration', 'test/integration/seed.test.ts'];
const DEMO = ['.cache/tools/demo/demo.js'];

try {
  await bootstrap();
  const given = process.argv.slice(2);
  for (const major of given.length > 0 ? given : MAJORS) tryVersion(major);
} catch (error) {
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** @param {string} major */
function tryVersion(major) {
  const bin = installNode(major);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  for (const args of [DEMO, SUITE]) {
    console.log(`\n== Node ${major}: ${args[0]}`);
    const { status, error } = spawnSync(join(bin, 'node'), args, { cwd: TOP, env, stdio: 'inherit' });
    if (error !== undefined) throw new Error(`cannot run Node ${major}: ${error.message}`);
    if (status !== 0) process.exitCode = 1;
  }
}

/**
 * Installs the newest release of a major version below .cache.
 *
 * @param {string} major
 * @returns {string} the directory of the binary
 */
function installNode(major) {
  if (!/^\d+$/.test(major)) throw new Error(`"${major}": must be a major version of Node, such as 24`);
  const name = `node-linux-${process.arch}`;
  const directory = join(TOP, '.cache/node', major);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const args = ['install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', `${name}@${major}`];
  const { status } = spawnSync('npm', args, { cwd: directory, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`npm could not install ${name}@${major}, see above`);
  return join(directory, 'node_modules', name, 'bin');
}
