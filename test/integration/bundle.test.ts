import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { reflect } from '../support/projection/reflect.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled, TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
// A build may take longer than a test.
const DIST = dirname(compiled('src/main.ts'));
const dist = (name: string) => join(DIST, name);
/** Of the SHA-256 before compiled code. */
const DIGEST_BYTES = 32;

/** A package with the launcher and these parts, without compiled code. */
function packageWith(...parts: readonly string[]): TempDir {
  const directory = new TempDir();
  mkdirSync(directory.at('dist/parts'), { recursive: true });
  copyFileSync(join(TOP, 'package.json'), directory.at('package.json'));
  for (const name of ['main.js', 'package.json', ...parts.map((part) => `parts/${part}.js`)])
    copyFileSync(dist(name), directory.at('dist', name));
  return directory;
}

function run(directory: TempDir, ...args: readonly string[]) {
  return spawnSync(process.execPath, [directory.at('dist/main.js'), ...args], { encoding: 'utf8' });
}

describe('the bundle', () => {
  it.each(['--version', '-V'])('needs nothing but its launcher for %s', (flag) => {
    using directory = packageWith();
    expect(run(directory, flag).stdout).toBe(`${version}\n`);
  });

  it('needs one part for help, and two to call a daemon', () => {
    using directory = packageWith('command');
    expect(run(directory, 'get', '--help')).toMatchObject({ status: 0, stderr: '' });
    copyFileSync(dist('parts/calls.js'), directory.at('dist/parts/calls.js'));
    const { stderr } = run(directory, '--socket', directory.at('none'), 'get', 'secrets');
    expect(stderr).toMatch(/cannot reach the daemon .*: the socket does not exist/);
  });

  it('needs four parts for a daemon with the embedded store', async () => {
    using directory = packageWith('command', 'calls', 'manifests', 'daemon');
    for (const name of ['node_modules', 'proto']) symlinkSync(join(TOP, name), directory.at(name));
    symlinkSync(dist('beside'), directory.at('dist/beside'));
    const places = ['--run-dir', directory.at('run'), '--data-dir', directory.at('data')];
    const args = ['serve', ...places, '--publisher', 'direct', '--allow-disk', '--log-level', 'error'];
    const daemon = spawn(process.execPath, [directory.at('dist/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(daemon, 'exit');
    const [line] = await Promise.race([once(daemon.stdout, 'data'), ended]);
    expect(String(line)).toContain('lantern is ready');
    daemon.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.each([
    ['command', ['calls', 'command', 'manifests']],
    ['serve', ['calls', 'command', 'daemon', 'manifests']],
  ])('comes with code compiled for %s, which this Node takes', (kind, parts) => {
    for (const part of parts) {
      const cachedData = readFileSync(dist(`parts/${part}.${kind}.compiled`)).subarray(DIGEST_BYTES);
      const script = new Script(readFileSync(dist(`parts/${part}.js`), 'latin1'), { cachedData });
      expect(script.cachedDataRejected, part).toBe(false);
    }
  });

  const texts = readdirSync(dist('parts')).filter((name) => name.endsWith('.js'));

  it.each(texts)('has %s in plain ASCII, so that it can be read as Latin-1', (name) => {
    const bytes = readFileSync(dist(`parts/${name}`));
    expect(bytes.equals(Buffer.from(bytes.toString('ascii')))).toBe(true);
  });

  it.each(texts)('leaves out of %s what nobody uses: the languages of zod', (name) => {
    // `import { z }` would bring all of them, and with them the Arabic word for "inputs".
    expect(readFileSync(dist(`parts/${name}`), 'latin1')).not.toMatch(/\\u0645\\u062f\\u062e\\u0644/i);
  });

  it('loads a library that only one call needs: that of reflection', async () => {
    await using shell = new CommandLine();
    await shell.serve();
    const client = new Client(`unix://${shell.socket}`, credentials.createInsecure());
    try {
      const [answer] = await reflect(client, 'v1', [{ listServices: '' }]);
      expect(JSON.stringify(answer)).toContain('lantern.v1.Projector');
    } finally {
      client.close();
    }
  });

  const damages: readonly [string, (code: Buffer) => Buffer | undefined][] = [
    ['absent', () => undefined],
    ['empty', () => Buffer.alloc(0)],
    ['cut', (code) => code.subarray(0, code.length / 2)],
    ['damaged', (code) => Buffer.concat([code.subarray(0, 100_000), Buffer.from('?'), code.subarray(100_001)])],
  ];

  it.each(damages)('runs with compiled code that is %s', (_how, damage) => {
    using directory = packageWith('command');
    const name = 'parts/command.command.compiled';
    const code = damage(readFileSync(dist(name)));
    if (code !== undefined) writeFileSync(directory.at('dist', name), code);
    expect(run(directory, 'get', '--help')).toMatchObject({ status: 0, stderr: '' });
  });

  it('runs under flags that the code was not compiled for', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--max-lazy', dist('main.js'), 'get', '--help']);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });
});
