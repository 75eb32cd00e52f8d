import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { finish } from '../../../../src/base/steps.ts';
import {
  contentsAt,
  directoriesOf,
  selectSubPath,
  writeDirectoryCopy,
  writeFileCopy,
} from '../../../../src/mount/direct/sub-path.ts';
import { buildPayload } from '../../../../src/payload/payload.ts';
import type { RelativePath } from '../../../../src/spec/relative-path.ts';
import { nodeFileSystem } from '../../../../src/volume/file-system.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const file = (text: string, mode = 0o644) => ({ bytes: Buffer.from(text), mode, user: undefined, group: undefined });
const PAYLOAD = buildPayload(
  new Map([
    ['ab' as RelativePath, file('ab')],
    ['a/..odd' as RelativePath, file('odd')],
    ['a/b/c' as RelativePath, file('c', 0o400)],
    ['a/b/d' as RelativePath, file('d', 0)],
  ]),
  undefined,
);
const at = (subPath: string) => selectSubPath(PAYLOAD, subPath as RelativePath);

describe('selectSubPath', () => {
  test('a file, and a directory with paths of its own', () => {
    expect(at('ab')).toEqual({ kind: 'file', file: file('ab') });
    expect(at('a/b')).toEqual({
      kind: 'directory',
      files: new Map([
        ['c', file('c', 0o400)],
        ['d', file('d', 0)],
      ]),
    });
    expect(contentsAt(PAYLOAD, 'a' as RelativePath, 'g')).toMatchObject({ files: ['..odd', 'b/c', 'b/d'] });
    expect(contentsAt(PAYLOAD, undefined, 'g')).toEqual({ kind: 'volume' });
  });

  test.each(['b', 'a/', 'a/b/c/d', 'A'])(
    'nothing at %j: the error lists what there is, without contents',
    (subPath) => {
      expect(lanternErrorOf(() => at(subPath))).toMatchObject({
        code: 'not-found',
        message: expect.stringContaining('"a/..odd", "a/b/c", "a/b/d", "ab"'),
      });
    },
  );
});

test('directoriesOf names parents first', () => {
  expect([...directoriesOf(['a/b/c/d', 'a/x', 'y'])]).toEqual(['a', 'a/b', 'a/b/c']);
});

test('copies have the bytes and modes of the payload, whatever the umask', () => {
  using dir = new TempDir();
  const before = process.umask(0o077);
  try {
    mkdirSync(dir.at('copy'));
    const selected = at('a');
    if (selected.kind !== 'directory') throw new Error('"a" is a directory');
    finish(writeDirectoryCopy(nodeFileSystem, dir.at('copy'), selected.files, undefined));
    writeFileSync(dir.at('file'), '', { mode: 0o600 });
    writeFileCopy(dir.at('file'), file('x', 0o777), undefined);
  } finally {
    process.umask(before);
  }
  const mode = (path: string) => statSync(join(dir.path, path)).mode & 0o7777;
  expect(readdirSync(dir.at('copy'), { recursive: true }).sort()).toEqual(['..odd', 'b', 'b/c', 'b/d']);
  expect(['copy/..odd', 'copy/b', 'copy/b/c', 'copy/b/d', 'file'].map(mode)).toEqual([0o644, 0o755, 0o400, 0, 0o777]);
  chmodSync(dir.at('copy/b/d'), 0o400);
  expect(['copy/b/c', 'copy/b/d', 'file'].map((path) => readFileSync(dir.at(path), 'utf8'))).toEqual(['c', 'd', 'x']);
});

test('a copy never writes through what is in the way', () => {
  using dir = new TempDir();
  writeFileSync(dir.at('c'), 'mine');
  const files = new Map([['c', file('theirs')]]);
  expect(() => finish(writeDirectoryCopy(nodeFileSystem, dir.path, files, undefined))).toThrow(/EEXIST/);
  expect(readFileSync(dir.at('c'), 'utf8')).toBe('mine');
});
