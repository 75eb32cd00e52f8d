// `npm run package`: makes `lantern-VERSION.tgz`, which `npm install -g` takes. Nothing in it is compiled by the
// installation.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from '../bootstrap.mjs';
import { writeCompletions } from './completions.mjs';
import { writeManPages } from './man-pages.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const STAGE = join(TOP, '.cache/package');

/** The machines that the store's native code is there for. koffi's is in a package for each. */
const NATIVE = /^@koromix\/koffi-linux-(?:arm|arm64|x64)$/;

/** As they lie in the checkout. */
const COPIED = ['CHANGELOG.md', 'LICENSE', 'README.md', 'deploy/systemd', 'dist', 'proto'];

await bootstrap();
rmSync(STAGE, { recursive: true, force: true });
mkdirSync(STAGE, { recursive: true });
for (const path of COPIED) cpSync(join(TOP, path), join(STAGE, path), { recursive: true });
rmSync(join(STAGE, 'dist/.stamp'));
run(
  process.execPath,
  'node_modules/typescript/bin/tsc',
  '-p',
  'tsconfig.client.json',
  '--outDir',
  join(STAGE, 'dist/types'),
);
const manPages = await writeManPages(join(STAGE, 'man'), readJson('package.json').version);
await writeCompletions(join(STAGE, 'completions'));
writeFileSync(join(STAGE, 'sbom.cdx.json'), listOfComponents());
writeFileSync(join(STAGE, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
const [packed] = JSON.parse(run('npm', 'pack', STAGE, '--pack-destination', TOP, '--json', '--ignore-scripts'));
const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
console.log(
  `${packed.filename}: ${megabytes(packed.size)}, ${packed.entryCount} files of ${megabytes(packed.unpackedSize)} in all`,
);

/**
 * Without what only the checkout needs. The bundle has the dependencies inside: several of them have install scripts,
 * about which npm warns. The types of `lantern/client` name those of gRPC.
 */
function manifest() {
  const { scripts, devDependencies, dependencies, ...rest } = readJson('package.json');
  const native = Object.entries(readJson('node_modules/koffi/package.json').optionalDependencies);
  return {
    ...rest,
    // npm links them where man(1) looks.
    man: manPages.map((name) => `man/${name}`),
    os: ['linux'],
    optionalDependencies: Object.fromEntries(native.filter(([name]) => NATIVE.test(name))),
    peerDependencies: { '@grpc/grpc-js': dependencies['@grpc/grpc-js'] },
    peerDependenciesMeta: { '@grpc/grpc-js': { optional: true } },
  };
}

/**
 * `npm sbom --omit=dev` omits also what a development tool happens to need: a lock without these tools does not have
 * them.
 */
function listOfComponents() {
  const { devDependencies, ...rest } = readJson('package.json');
  const aside = join(TOP, '.cache/components');
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  writeFileSync(join(aside, 'package.json'), JSON.stringify(rest));
  cpSync(join(TOP, 'package-lock.json'), join(aside, 'package-lock.json'));
  const quietly = ['--prefix', aside, '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
  run('npm', 'install', '--offline', ...quietly);
  return run('npm', 'sbom', '--sbom-format=cyclonedx', ...quietly);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(join(TOP, path), 'utf8'));
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  return execFileSync(command, args, { cwd: TOP, encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 2] });
}
