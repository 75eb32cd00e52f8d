import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSteps, stepsOf } from '../../scripts/conformance/console-blocks.mjs';
import { commandsOf, OUTPUT } from '../../scripts/conformance/examples.mjs';
import { mayInstall, mayMount } from '../../scripts/prerequisites.mjs';
import { TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
const NOBODY = 65_534;

/** A daemon with the embedded store, and a first session. `$1` is a directory in memory. */
const SESSION = `
  export LANTERN_SOCKET=$1/run/lantern.sock
  lantern serve --run-dir "$1/run" --data-dir "$1/data" --log-level error > "$1/ready" &
  trap 'kill $!; wait $!' EXIT
  until lantern health > "$1/health" 2>&1; do kill -0 $!; done
  lantern create secret generic first --from-literal=key=value
  lantern mount --secret first "$1/target" > "$1/mounted"
  cat "$1/target/key"
  echo
  lantern unmount "$1/target" > "$1/unmounted"
  lantern export --plain --yes-write-secrets-in-the-clear - > "$1/archive"
`;

describe.runIf(mayInstall())('the package (needs the npm registry)', () => {
  let prefix: TempDir;
  let archive: string;
  let installed: { stdout: string; stderr: string };

  const env = () => ({ PATH: `${prefix.at('bin')}:${process.env.PATH}`, HOME: prefix.path });
  const inPackage = (...path: string[]) => prefix.at('lib/node_modules/lantern', ...path);

  const filesOf = (...endings: string[]) =>
    readdirSync(inPackage(), { recursive: true, encoding: 'utf8' }).filter((path) =>
      endings.some((ending) => path.endsWith(ending)),
    );

  beforeAll(() => {
    const printed = execFileSync(process.execPath, ['scripts/package/make-package.mjs'], {
      cwd: TOP,
      encoding: 'utf8',
    });
    const [, file = ''] = /^(lantern-[\d.]+\.tgz): [\d.]+ MB, \d+ files of [\d.]+ MB in all$/m.exec(printed) ?? [];
    archive = join(TOP, file);
    prefix = new TempDir();
    chmodSync(prefix.path, 0o755);
    const args = ['install', '--global', '--prefix', prefix.path, archive];
    // As in a shell of its own: `npm run -s` would silence it.
    const env = { ...process.env, npm_config_loglevel: 'notice' };
    const { stdout, stderr } = spawnSync('npm', args, { encoding: 'utf8', cwd: prefix.path, env });
    installed = { stdout, stderr };
  });

  afterAll(() => {
    prefix?.[Symbol.dispose]();
  });

  it('is installed without a word that needs explaining', () => {
    expect(installed.stderr).toBe('');
    expect(installed.stdout.trim()).toMatch(/^added 2 packages in \S+$/);
  });

  it('compiles nothing, and depends on nothing but native code', () => {
    const manifests = filesOf('package.json').map((path): { name?: string; scripts?: object } =>
      JSON.parse(readFileSync(inPackage(path), 'utf8')),
    );
    expect(manifests.flatMap(({ name = [] }) => name).sort()).toEqual([
      `@koromix/koffi-linux-${process.arch}`,
      'lantern',
    ]);
    expect(manifests.flatMap(({ scripts }) => scripts ?? [])).toEqual([]);
  });

  it.each([
    ['root', 0],
    ['another user', NOBODY],
  ])('serves, stores and mounts for %s', (_who, uid) => {
    if (process.getuid?.() !== 0 && uid !== process.getuid?.()) return;
    using directory = new TempDir('/dev/shm');
    chownSync(directory.path, uid, uid);
    const session = spawnSync('sh', ['-euc', SESSION, 'sh', directory.path], {
      ...{ env: env(), encoding: 'utf8', cwd: '/', timeout: 60_000 },
      ...{ uid, gid: uid },
    });
    expect(session).toMatchObject({ status: 0, stderr: '', stdout: 'secret/first created\nvalue\n' });
    expect(readFileSync(directory.at('ready'), 'utf8')).toContain('store embedded');
  });

  it.runIf(mayMount())('does in the first session of README.md what stands there (needs root)', async () => {
    using directory = new TempDir('/dev/shm');
    const [serve, ...steps] = stepsOf(readFileSync(join(TOP, 'README.md'), 'utf8'), 'A first session');
    if (serve === undefined) throw new Error('the section has no commands');
    const ready = { command: 'until lantern health > health 2>&1; do kill -0 $!; done', output: [] };
    const differences = await runSteps([], [serve, ready, ...steps], {
      env: { ...env(), LANTERN_DATA_DIR: directory.at('data') },
      cwd: directory.path,
      signal: AbortSignal.timeout(60_000),
    });
    expect(differences).toEqual([]);
  });

  it('has the version of the checkout', () => {
    expect(execFileSync('lantern', ['--version'], { env: env(), encoding: 'utf8' })).toBe(`${version}\n`);
  });

  it('lists its components, and carries the licenses of what is in the bundle', () => {
    const { components } = JSON.parse(readFileSync(inPackage('sbom.cdx.json'), 'utf8'));
    const names = components.map(({ group, name }: { group?: string; name: string }) =>
      group ? `${group}/${name}` : name,
    );
    expect(names).toEqual(expect.arrayContaining(['@grpc/grpc-js', 'koffi', 'yaml', 'zod']));
    expect(readFileSync(inPackage('dist/THIRD-PARTY.txt'), 'utf8')).toMatch(/^zod [\d.]+ \(MIT\)$/m);
  });

  it('has a client for programs', () => {
    const program =
      "import { connect, LanternError } from 'lantern/client'; console.log(typeof connect, typeof LanternError)";
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: prefix.at('lib'),
      encoding: 'utf8',
    });
    expect(output).toBe('function function\n');
  });

  it('runs the example in TypeScript by the commands at its head', () => {
    using directory = new TempDir('/dev/shm');
    const example = join(TOP, 'examples/typescript');
    cpSync(example, directory.at('example'), { recursive: true });
    const manifest = directory.at('example/package.json');
    const { dependencies, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
    writeFileSync(manifest, JSON.stringify({ ...rest, dependencies: { ...dependencies, lantern: `file:${archive}` } }));
    const commands = commandsOf(readFileSync(join(example, 'orchestrator.ts'), 'utf8'))
      .replace('npm install', 'npm install > installed 2>&1')
      .replace('/run/lantern/lantern.sock', '"$1/run/lantern.sock"')
      .replace('/run/example', '"$1"');
    const session = `
      lantern serve --run-dir "$1/run" --store memory --log-level error > "$1/ready" &
      trap 'kill $!; wait $!' EXIT
      until lantern health --socket "$1/run/lantern.sock" > "$1/health" 2>&1; do kill -0 $!; done
      ${commands}`;
    const { stdout, stderr } = spawnSync('sh', ['-euc', session, 'sh', directory.path], {
      ...{ env: env(), encoding: 'utf8', cwd: directory.at('example'), timeout: 120_000 },
    });
    expect([stdout.trim().split('\n'), stderr]).toEqual([OUTPUT, '']);
  });

  it('has man pages where man looks for them, and the scripts of lantern completion', () => {
    const page = readFileSync(prefix.at('share/man/man1/lantern-mount.1'), 'utf8');
    expect(page).toContain(`.TH LANTERN\\-MOUNT 1 "" "lantern ${version}"`);
    for (const [shell, name] of Object.entries({ bash: 'lantern', zsh: '_lantern', fish: 'lantern.fish' })) {
      const printed = execFileSync('lantern', ['completion', shell], { env: env(), encoding: 'utf8' });
      expect(readFileSync(inPackage('completions', name), 'utf8')).toBe(printed);
    }
  });

  it('has the unit for systemd, the protos and the live page', () => {
    const files = filesOf('.service', '.proto', '.html', '.css').map((path) => basename(path));
    expect(files).toEqual(
      expect.arrayContaining(['lantern.service', 'csi.proto', 'projector.proto', 'index.html', 'style.css']),
    );
  });
});
