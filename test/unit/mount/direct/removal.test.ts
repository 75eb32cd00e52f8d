import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { finish } from '../../../../src/base/steps.ts';
import { descriptorFileSystem } from '../../../../src/mount/direct/descriptor-file-system.ts';
import { type IsOurs, isOfCopy, isOfVolume, removingOurs } from '../../../../src/mount/direct/publication.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const GENERATION = '..2026_11_23_19_24_08.123456789';

/** `a/` is a directory, `a -> b` a link, anything else a file. */
function plant(dir: TempDir, entries: readonly string[]): void {
  for (const entry of entries) {
    const [path = '', link] = entry.split(' -> ');
    mkdirSync(path.endsWith('/') ? dir.at('t', path) : dirname(dir.at('t', path)), { recursive: true });
    if (link !== undefined) symlinkSync(link, dir.at('t', path));
    else if (!path.endsWith('/')) writeFileSync(dir.at('t', path), path);
  }
}

function remains(dir: TempDir, isOurs: IsOurs): readonly string[] {
  const before = openDescriptors();
  const fd = openSync(dir.at('t'), 'r');
  const fs = descriptorFileSystem(() => fd, '/t');
  finish(removingOurs(fs, '/t', isOurs));
  finish(removingOurs(fs, '/t', isOurs));
  closeSync(fd);
  expect(openDescriptors()).toBe(before);
  return listTree(dir.at('t'));
}

describe('removingOurs', () => {
  test.each([
    ['nothing', [], []],
    [
      'a volume',
      [`${GENERATION}/a/b`, `${GENERATION}/c`, `..data -> ${GENERATION}`, 'a -> ..data/a', 'c -> ..data/c'],
      [],
    ],
    ['what a crash left', [`${GENERATION}/a`, '..2026_11_23_19_24_09.1/', `..data_tmp -> ${GENERATION}`], []],
    ['a link that dangles', ['..data -> ..gone', 'a -> ..data/a'], []],
    ['foreign entries', ['f', 'd/f', '.hidden', '..x/f'], ['..x', '..x/f', '.hidden', 'd', 'd/f', 'f']],
    ['links elsewhere', ['a -> ..data/b', 'b -> /etc', 'c -> ..data'], ['a', 'b', 'c']],
    [
      'our names on other types',
      [GENERATION, '..data', '..data_tmp/f'],
      [GENERATION, '..data', '..data_tmp', '..data_tmp/f'],
    ],
  ] as const)('of a volume: %s', (_, entries, left) => {
    using dir = new TempDir();
    mkdirSync(dir.at('t'));
    plant(dir, entries);
    expect(remains(dir, isOfVolume)).toEqual([...left].sort());
  });

  test.each([
    ['all of it', ['a', 'b/c', 'b/d/e'], []],
    ['half of it', ['b/d/'], []],
    ['foreign entries beside it', ['a', 'b/c', 'b/x', 'y'], ['b', 'b/x', 'y']],
    ['other types under its names', ['a/f', 'b'], ['a', 'a/f', 'b']],
  ] as const)('of a copy: %s', (_, entries, left) => {
    using dir = new TempDir();
    mkdirSync(dir.at('t'));
    plant(dir, entries);
    expect(remains(dir, isOfCopy(['a', 'b/c', 'b/d/e']))).toEqual([...left].sort());
  });

  test('no link is followed, not even from inside a generation or in place of one', () => {
    using dir = new TempDir();
    mkdirSync(dir.at('elsewhere'));
    writeFileSync(dir.at('elsewhere/keep'), 'kept');
    plant(dir, [
      `${GENERATION}/link -> ../../elsewhere`,
      '..2026_11_23_19_24_09.1 -> ../elsewhere',
      'b -> ../elsewhere',
    ]);
    expect(remains(dir, isOfVolume)).toEqual(['..2026_11_23_19_24_09.1', 'b']);
    expect(remains(dir, isOfCopy(['b/keep']))).toEqual(['..2026_11_23_19_24_09.1', 'b']);
    expect(readFileSync(dir.at('elsewhere/keep'), 'utf8')).toBe('kept');
  });
});
