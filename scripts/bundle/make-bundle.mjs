// Makes the command: `main.js`, which loads `lantern.js`, all of `src` and of the libraries that can be bundled, with what V8
// compiled of it (`*.compiled`), and a file for the thread that parses. `node make-bundle.mjs DIRECTORY`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { dirSync } from 'tmp';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const directory = resolve(process.argv[2] ?? join(TOP, 'dist'));

const COMPILE = join(TOP, 'scripts/bundle/compile.cjs');

/** They have native code, or files beside them. */
const EXTERNAL = ['koffi', 'classic-level', 'etcd3', '@grpc/reflection'];

/** @type {import('esbuild').BuildOptions} */
const SHARED = {
  absWorkingDir: TOP,
  outdir: directory,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  external: EXTERNAL,
  // The module system of the file would have to be passed through to the script otherwise.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'moduleUrl', 'import.meta.dirname': '__dirname' },
  logLevel: 'warning',
};
const MODULE_URL = "const moduleUrl = require('node:url').pathToFileURL(__filename).href;";

await Promise.all([
  build({
    ...SHARED,
    entryPoints: { lantern: 'src/main.ts' },
    // An expression: the launcher calls it.
    banner: { js: `(function (require, __filename, __dirname) {${MODULE_URL}` },
    footer: { js: '})' },
  }),
  build({
    ...SHARED,
    entryPoints: { main: 'src/launcher.ts', 'spec/parser/parse-thread': 'src/spec/parser/parse-thread.ts' },
    banner: { js: MODULE_URL },
  }),
  // Its types name those of gRPC, so it shares gRPC with the program that imports it.
  build({
    ...SHARED,
    entryPoints: { client: 'src/client.ts' },
    external: [...EXTERNAL, '@grpc/grpc-js'],
    banner: { js: MODULE_URL },
  }),
]);
makeAscii(join(directory, 'lantern.js'));
// The package's other scripts are modules.
writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
chmodSync(join(directory, 'main.js'), 0o755);
await compile();

/**
 * Latin-1 is read four times as fast as UTF-8. esbuild escapes what is in strings; what is left are comments and expressions.
 *
 * @param {string} path
 */
function makeAscii(path) {
  const text = readFileSync(path, 'utf8');
  if (/String\.raw`[^`]*[\u0080-\uffff]/.test(text))
    throw new Error('String.raw with more than ASCII cannot be escaped');
  const escaped = (/** @type {string} */ unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  writeFileSync(path, text.replaceAll(/[\u0080-\uffff]/g, escaped));
}

/**
 * Runs what is run most often, so that V8 compiles what that takes, and no more. Where no daemon can run, the commands fail
 * and less is compiled, which costs a user time, but nothing else.
 */
async function compile() {
  const { name: place, removeCallback } = dirSync({ template: 'lantern-build-XXXXXX', unsafeCleanup: true });
  try {
    const store = ['--store', 'embedded', '--data-dir', join(place, 'data')];
    const serve = ['serve', '--run-dir', join(place, 'run'), ...store, '--publisher', 'direct', '--allow-disk'];
    const daemon = compileWhile('serve', serve);
    await Promise.race([once(daemon.stdout, 'data'), once(daemon, 'exit')]);
    const manifest = join(place, 'secret.yaml');
    writeFileSync(manifest, '{apiVersion: v1, kind: Secret, metadata: {name: first}, stringData: {key: value}}');
    const commands = [
      ['apply', '-f', manifest],
      ['get', 'secrets'],
      ['volumes'],
      ['__complete', 'zsh', '--', 'get', '-'],
    ];
    const socket = ['--socket', join(place, 'run/lantern.sock')];
    await once(compileWhile('command', ...commands.map(([name = '', ...args]) => [name, ...socket, ...args])), 'exit');
    if (daemon.exitCode === null && daemon.kill('SIGTERM')) await once(daemon, 'exit');
  } finally {
    removeCallback();
  }
}

/**
 * @param {string} name
 * @param {string[][]} commands
 */
function compileWhile(name, ...commands) {
  const given = commands.map((command) => JSON.stringify(command));
  return spawn(process.execPath, [COMPILE, directory, name, ...given], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {},
    timeout: 60_000,
  });
}
