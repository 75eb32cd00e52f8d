// Makes a checkout ready to run: dependencies, wire types, the command (dist) and the compiled tools (.cache/tools).
// Does nothing when all of it is fresh, needs nothing but Node and npm, and writes nothing outside the checkout (npm
// keeps its own download cache where it is set to).
import { spawnSync } from 'node:child_process';
import { realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { areDependenciesFresh, installDependencies } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { requireNodeVersion } from './node-version.mjs';
import { isOutputFresh, makeOutput } from './outputs.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));

/** In the order in which they need each other. @type {import('./outputs.mjs').Output[]} */
const OUTPUTS = [
  {
    name: 'wire types',
    path: 'src/rpc/generated',
    inputs: ['proto', 'scripts/wire', 'package-lock.json'],
    make(directory) {
      run(process.execPath, 'scripts/wire/generate-types.mjs', directory);
      run(process.execPath, 'scripts/wire/generate-messages.mjs', directory);
    },
  },
  {
    name: 'the lantern command',
    path: 'dist',
    inputs: ['src', 'page', 'scripts/bundle', 'tsconfig.json', 'package-lock.json'],
    make(directory) {
      // The build runs the command, which reads its version from above itself.
      symlinkSync('../../package.json', join(directory, '../package.json'));
      run(process.execPath, 'scripts/bundle/make-bundle.mjs', directory);
    },
  },
  {
    name: 'demo, bench and test tools',
    path: '.cache/tools',
    inputs: ['src', 'demo', 'bench', 'test/support', 'tsconfig.json', 'tsconfig.tools.json', 'package-lock.json'],
    make(directory) {
      run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.tools.json', '--outDir', directory);
      // src/ reads both from beside itself.
      for (const neighbour of ['package.json', 'proto']) symlinkSync(`../../${neighbour}`, join(directory, neighbour));
    },
  },
];

/** For `npm run build -- command`, which builds an image: it needs no tools. */
const COMMAND_OUTPUTS = OUTPUTS.filter(({ path }) => path !== '.cache/tools');

/** Brings everything up to date. Safe when several processes do it at the same time. */
export async function bootstrap(outputs = OUTPUTS) {
  requireNodeVersion(new URL('../package.json', import.meta.url));
  if (process.platform !== 'linux')
    throw new Error(`Lantern mounts with Linux' system calls; this is ${process.platform}`);
  if (areDependenciesFresh(TOP) && outputs.every((output) => isOutputFresh(TOP, output))) return;
  await withLock(TOP, () => {
    if (!areDependenciesFresh(TOP)) {
      console.error('lantern: installing dependencies (npm ci)');
      installDependencies(TOP);
    }
    for (const output of outputs) {
      if (isOutputFresh(TOP, output)) continue;
      console.error(`lantern: building ${output.name}`);
      makeOutput(TOP, output);
    }
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  // On stderr, so that what a script prints on stdout stays its own.
  const { status, error } = spawnSync(command, args, { cwd: TOP, stdio: ['ignore', 2, 2] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${args.join(' ')} failed, see above`);
}

/** True if this file was started, rather than imported. */
function isMain() {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
}

if (isMain()) {
  await bootstrap(process.argv[2] === 'command' ? COMMAND_OUTPUTS : OUTPUTS).catch((/** @type {Error} */ error) => {
    console.error(`lantern: ${error.message}`);
    process.exitCode = 1;
  });
}
