// Makes the command: `main.js`, which loads `parts/*.js`, all of `src` and of the libraries that can be bundled, with what
// V8 compiled of it (`*.compiled`), a file for the thread that parses, and the live page.
// `node make-bundle.mjs DIRECTORY`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { dirSync } from 'tmp';
import { makeParts } from './parts.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const directory = resolve(process.argv[2] ?? join(TOP, 'dist'));

const COMPILE = join(TOP, 'scripts/bundle/compile.cjs');

/** Packages that read files beside their own, and where those are in them. The bundle has copies in `beside`. */
const FILES_BESIDE = {
  '@grpc/reflection': ['build/proto/grpc'],
  'classic-level': ['prebuilds/linux-arm', 'prebuilds/linux-arm64', 'prebuilds/linux-x64'],
  etcd3: ['proto'],
};

/** Tells those packages that they are in `beside`. @type {import('esbuild').Plugin} */
const FIND_BESIDE = {
  name: 'find-beside',
  setup({ onLoad }) {
    const filter = new RegExp(`/node_modules/(?:${Object.keys(FILES_BESIDE).join('|')})/.*\\.js$`);
    onLoad({ filter }, ({ path }) => {
      const place = dirname(inPackages(path));
      const text = readFileSync(path, 'utf8');
      return { contents: text.replaceAll(/\b__dirname\b/g, `(__dirname + '/beside/${place}')`), loader: 'js' };
    });
  },
};

/** What files of packages require at once, although most starts do without it. @type {Record<string, string[]>} */
const NEEDED_LATER = {
  '@grpc/grpc-js/build/src/compression-filter.js': ['zlib'],
  '@grpc/grpc-js/build/src/index.js': [
    './admin',
    './orca',
    './server',
    './server-credentials',
    './server-interceptors',
  ],
  '@grpc/grpc-js/build/src/resolver-dns.js': ['dns'],
  '@grpc/grpc-js/build/src/server-interceptors.js': ['zlib'],
  'commander/lib/command.js': ['node:child_process'],
};

/** Requires it where it is used. @type {import('esbuild').Plugin} */
const REQUIRE_LATER = {
  name: 'require-later',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`/node_modules/(?:${Object.keys(NEEDED_LATER).join('|')})$`) }, ({ path }) => {
      const names = NEEDED_LATER[inPackages(path)] ?? [];
      return { contents: names.reduce(requireLater, readFileSync(path, 'utf8')), loader: 'js' };
    });
  },
};

/** @param {string} path the part behind `node_modules` is returned */
function inPackages(path) {
  return path.slice(path.lastIndexOf('/node_modules/') + '/node_modules/'.length);
}

/** @param {string} text @param {string} name */
function requireLater(text, name) {
  const [statement, variable] =
    new RegExp(`^(?:const|var) (\\w+) = require\\(['"]${name}['"]\\);$`, 'm').exec(text) ?? [];
  if (statement === undefined) throw new Error(`nothing requires "${name}" any more`);
  // Without parentheses, `new require('dns').Resolver()` would construct `require`.
  return text.replace(statement, '').replaceAll(new RegExp(`\\b${variable}\\.`, 'g'), `(require('${name}')).`);
}

/** @satisfies {import('esbuild').BuildOptions} */
const SHARED = {
  absWorkingDir: TOP,
  outdir: directory,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  plugins: [FIND_BESIDE, REQUIRE_LATER],
  // The module system of the file would have to be passed through to the script otherwise.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'moduleUrl', 'import.meta.dirname': '__dirname' },
  logLevel: 'warning',
  metafile: true,
};
const MODULE_URL = "const moduleUrl = require('node:url').pathToFileURL(__filename).href;";

const [inputs, ...builds] = await Promise.all([
  makeParts(SHARED),
  build({
    ...SHARED,
    entryPoints: { main: 'src/launcher.ts', 'spec/parser/parse-thread': 'src/spec/parser/parse-thread.ts' },
    banner: { js: MODULE_URL },
  }),
  build({
    ...SHARED,
    entryPoints: { client: 'src/client.ts' },
    banner: { js: MODULE_URL },
  }),
]);
await makePage();
writeFileSync(
  join(directory, 'THIRD-PARTY.txt'),
  licensesOf([...inputs, ...builds.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}))]),
);
for (const [name, paths] of Object.entries(FILES_BESIDE)) {
  for (const path of paths) {
    cpSync(join(TOP, 'node_modules', name, path), join(directory, 'beside', name, path), { recursive: true });
  }
}
// The package's other scripts are modules.
writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
chmodSync(join(directory, 'main.js'), 0o755);
await compile();

/** What a browser gets. Readable: it comes from the same machine, and somebody may want to read it. */
async function makePage() {
  const place = join(directory, 'beside/page');
  await build({
    absWorkingDir: TOP,
    outdir: place,
    entryPoints: { page: 'page/main.ts' },
    bundle: true,
    format: 'esm',
    charset: 'utf8',
    target: 'es2023',
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'style.css', 'icon.svg']) cpSync(join(TOP, 'page', name), join(place, name));
}

/**
 * The licenses of the packages that the files come from, which ask to go with their code.
 *
 * @param {string[]} files relative to the checkout
 */
function licensesOf(files) {
  const found = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const packages = [...new Set(found)].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(join(TOP, path, 'package.json'), 'utf8'));
    const file = readdirSync(join(TOP, path)).find((each) => /^(license|licence|copying)/i.test(each));
    const text = file === undefined ? '' : `\n${readFileSync(join(TOP, path, file), 'utf8').trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return `The command contains code of these packages.\n\n${packages.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/**
 * Runs what is run most often, so that V8 compiles what that takes, and no more. Where no daemon can run, the commands
 * fail and less is compiled, which costs a user time, but nothing else.
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
