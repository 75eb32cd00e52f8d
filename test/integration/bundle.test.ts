import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { compiled, TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
// A build may take longer than a test.
const DIST = dirname(compiled('src/main.ts'));
const dist = (name: string) => join(DIST, name);

/** A package with the launcher alone. */
function packageWithLauncher(): TempDir {
  const directory = new TempDir();
  mkdirSync(directory.at('dist'));
  copyFileSync(join(TOP, 'package.json'), directory.at('package.json'));
  for (const name of ['main.js', 'package.json']) copyFileSync(dist(name), directory.at('dist', name));
  return directory;
}

describe('the bundle', () => {
  it.each(['--version', '-V'])('needs nothing but its launcher for %s', (flag) => {
    using directory = packageWithLauncher();
    const printed = execFileSync(process.execPath, [directory.at('dist/main.js'), flag], { encoding: 'utf8' });
    expect(printed).toBe(`${version}\n`);
  });

  it.each(['command', 'serve'])('comes with code compiled for %s, which this Node takes', (name) => {
    const cachedData = readFileSync(dist(`${name}.compiled`)).subarray(4);
    const script = new Script(readFileSync(dist('lantern.js'), 'latin1'), { cachedData });
    expect(script.cachedDataRejected).toBe(false);
  });

  it('is plain ASCII, so that it can be read as Latin-1', () => {
    const bytes = readFileSync(dist('lantern.js'));
    expect(bytes.equals(Buffer.from(bytes.toString('ascii')))).toBe(true);
  });

  it('leaves out what nobody uses: the languages of zod', () => {
    // `import { z }` would bring all of them.
    expect(readFileSync(dist('lantern.js'), 'latin1')).not.toContain('zod/v4/locales/ar');
  });

  const damages: readonly [string, (code: Buffer) => Buffer | undefined][] = [
    ['absent', () => undefined],
    ['empty', () => Buffer.alloc(0)],
    ['cut', (code) => code.subarray(0, code.length / 2)],
    ['damaged', (code) => Buffer.concat([code.subarray(0, 500_000), Buffer.from('?'), code.subarray(500_001)])],
  ];

  it.each(damages)('runs with compiled code that is %s', (_how, damage) => {
    using directory = packageWithLauncher();
    symlinkSync(join(TOP, 'node_modules'), directory.at('node_modules'));
    copyFileSync(dist('lantern.js'), directory.at('dist/lantern.js'));
    const code = damage(readFileSync(dist('command.compiled')));
    if (code !== undefined) writeFileSync(directory.at('dist/command.compiled'), code);
    const args = [directory.at('dist/main.js'), 'version', '--client'];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe(`Client Version: ${version}\n`);
  });

  it('runs under flags that the code was not compiled for', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--max-lazy', dist('main.js'), 'get', '--help']);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });
});
