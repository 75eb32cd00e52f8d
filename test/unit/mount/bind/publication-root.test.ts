import { describe, expect, test } from 'vitest';
import { publicationRoot } from '../../../../src/mount/bind/publication-root.ts';
import { parseMountinfo } from '../../../../src/mount/linux/mount-table.ts';

function rootOf(root: string, fileSystem = 'tmpfs lantern') {
  const [mount] = parseMountinfo(`1 2 0:3 ${root} /a rw - ${fileSystem} rw`);
  if (mount === undefined) throw new Error('malformed line');
  return publicationRoot(mount);
}

describe('publicationRoot', () => {
  test.each([
    ['/h/data', { home: 'h', generation: undefined, subPath: undefined, isDeleted: false }],
    ['/h/data/..2026_1/a', { home: 'h', generation: '..2026_1', subPath: 'a', isDeleted: false }],
    ['/h/data/..2026_1/a/b', { home: 'h', generation: '..2026_1', subPath: 'a/b', isDeleted: false }],
    ['/h/data/..2026_1/a//deleted', { home: 'h', generation: '..2026_1', subPath: 'a', isDeleted: true }],
  ])('%s', (root, expected) => {
    expect(rootOf(root)).toEqual(expected);
  });

  test.each(['/', '/h', '/h/record.json', '/h/data/..2026_1', '//data'])('%s is no publication', (root) => {
    expect(rootOf(root)).toBeUndefined();
  });

  test.each(['tmpfs other', 'ext4 lantern'])('nor is anything on "%s"', (fileSystem) => {
    expect(rootOf('/h/data', fileSystem)).toBeUndefined();
  });
});
