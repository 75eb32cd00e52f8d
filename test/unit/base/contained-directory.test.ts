import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ContainedDirectory } from '../../../src/base/contained-directory.ts';
import { errnoOf } from '../../../src/base/errors.ts';
import { openDescriptors } from '../../support/host/process.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

/** A directory `in`, and a file beside it that nobody may get at through it. */
class Scene implements Disposable {
  readonly top = new TempDir();
  readonly path = this.top.at('in');

  constructor() {
    mkdirSync(this.at('sub'), { recursive: true });
    mkdirSync(this.top.at('out'));
    writeFileSync(this.top.at('out', 'x'), 'outside');
    writeFileSync(this.at('x'), 'top');
    writeFileSync(this.at('sub', 'x'), 'below');
  }

  at(...elements: string[]): string {
    return this.top.at('in', ...elements);
  }

  [Symbol.dispose](): void {
    this.top[Symbol.dispose]();
  }
}

/** The bytes of what is opened, or the errno. */
async function read(directory: ContainedDirectory, path: string): Promise<string> {
  try {
    using file = await directory.open(path);
    await using handle = await file.openToRead();
    return await handle.readFile('utf8');
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

describe('what is opened', () => {
  test.each<[string, string | undefined, string, string]>([
    ['a file', undefined, 'x', 'top'],
    ['one below', undefined, 'sub/x', 'below'],
    ['up and down again, inside', undefined, 'sub/../x', 'top'],
    ['nothing', undefined, 'y', 'ENOENT'],
    ['a file as a directory', undefined, 'x/x', 'ENOTDIR'],
    ['a directory', undefined, 'sub', 'EISDIR'],
    ['what is above', undefined, '../out/x', 'EXDEV'],
    ['an absolute path', undefined, '/etc/passwd', 'EXDEV'],
    ['a link to a file below', 'sub/x', 'link', 'below'],
    ['a link to a directory below', 'sub', 'link/x', 'below'],
    ['a link that leaves', '../out/x', 'link', 'EXDEV'],
    ['a link that leaves in the middle', '../out', 'link/x', 'EXDEV'],
    ['a link that leaves to where nothing is', '../out/y', 'link', 'EXDEV'],
    ['a link that leaves and comes back', '../in/sub/x', 'link', 'below'],
    ['an absolute link to the inside', '<in>/sub', 'link/x', 'below'],
    ['an absolute link to the outside', '<top>/out/x', 'link', 'EXDEV'],
    ['a link to itself', 'link', 'link', 'ELOOP'],
    ["a process's link", '/proc/self/exe', 'link', 'EXDEV'],
  ])('%s', async (_, target, path, expected) => {
    using scene = new Scene();
    if (target !== undefined) {
      symlinkSync(target.replace('<in>', scene.path).replace('<top>', scene.top.path), scene.at('link'));
    }
    const before = openDescriptors();
    {
      await using directory = await ContainedDirectory.open(scene.path);
      expect(await read(directory, path)).toBe(expected);
    }
    expect(openDescriptors()).toEqual(before);
  });

  test('stays in the directory that was opened, whatever has its name by then', async () => {
    using scene = new Scene();
    await using directory = await ContainedDirectory.open(scene.path);
    renameSync(scene.path, scene.top.at('moved'));
    symlinkSync('out', scene.path);
    expect(await read(directory, 'x')).toBe('top');
    expect(await directory.names(10)).toEqual(expect.arrayContaining(['sub', 'x']));
    expect(await directory.names(1)).toBeUndefined();
  });

  test('says where it lies, and knows it by all its names', async () => {
    using scene = new Scene();
    symlinkSync('sub', scene.at('link'));
    linkSync(scene.at('sub', 'x'), scene.at('second'));
    await using directory = await ContainedDirectory.open(scene.path);
    using file = await directory.open('link/x');
    using second = await directory.open('second');
    expect(await directory.locate(file)).toBe('sub/x');
    expect(await file.stat()).toMatchObject({ isFile: true, isDirectory: false, links: 2 });
    expect((await second.stat()).identity).toBe((await file.stat()).identity);
    renameSync(scene.at('sub', 'x'), scene.top.at('out', 'y'));
    expect(await directory.locate(file)).toBeUndefined();
  });
});

/** Until it is killed, or its parent is: `sub` is a directory, then a link to the outside, and so on. */
const FLIPPER = `
const { renameSync, symlinkSync } = require('node:fs');
process.chdir(process.argv[1]);
symlinkSync('../out', 'evil');
const parent = process.ppid;
process.stdout.write('ready');
while (process.ppid === parent) {
  renameSync('sub', 'real');
  renameSync('evil', 'sub');
  renameSync('sub', 'evil');
  renameSync('real', 'sub');
}`;

test('a directory that is exchanged for a link to the outside all the time never leads there', async () => {
  using scene = new Scene();
  symlinkSync('sub/x', scene.at('link'));
  await using directory = await ContainedDirectory.open(scene.path);
  const flipper = spawn(process.execPath, ['-e', FLIPPER, scene.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(flipper.stdout, 'data');
    const seen = new Set<string>();
    // Both a good answer and a caught attempt, so that the race did take place.
    for (let count = 0; count < 5_000 || !(seen.has('below') && seen.has('EXDEV')); count += 1) {
      seen.add(await read(directory, count % 2 === 0 ? 'link' : 'sub/x'));
    }
    expect([...seen].filter((answer) => !['below', 'EXDEV', 'ENOENT', 'EAGAIN'].includes(answer))).toEqual([]);
  } finally {
    flipper.kill('SIGKILL');
    await once(flipper, 'exit');
  }
});
