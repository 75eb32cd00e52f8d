import { expect, test } from 'vitest';
import { finish } from '../../../src/base/steps.ts';
import { readingTree } from '../../../src/volume/file-system.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { payloadOf } from '../../support/volume/volume-content.ts';

test('a tree lists generation, ..data and visible links depth first, names in byte order', () => {
  const fs = createMemoryFileSystem();
  fs.mkdir('/v', 0o755);
  using writer = new VolumeWriter({ fs, directory: '/v', clock: new ManualClock() });
  const { generation } = writer.write(
    payloadOf({ b: 'x', 'a/c': { text: 'secret', mode: 0o400 }, '\u{ff5e}': '', '\u{1f600}': '' }),
  );
  const entries = finish(readingTree(fs, '/v', { withContents: false }));
  expect(entries.map(({ path, type, linkTarget }) => [path, linkTarget ?? type])).toEqual([
    [generation, 'directory'],
    [`${generation}/a`, 'directory'],
    [`${generation}/a/c`, 'file'],
    [`${generation}/b`, 'file'],
    [`${generation}/\u{ff5e}`, 'file'],
    [`${generation}/\u{1f600}`, 'file'],
    ['..data', generation],
    ['a', '..data/a'],
    ['b', '..data/b'],
    ['\u{ff5e}', '..data/\u{ff5e}'],
    ['\u{1f600}', '..data/\u{1f600}'],
  ]);
  expect(entries.every(({ contents }) => contents === undefined)).toBe(true);
  expect(entries[2]).toMatchObject({ mode: 0o400, size: 6, ...fs.owner });
  const [, , secret] = finish(readingTree(fs, '/v', { withContents: true }));
  expect(Buffer.from(secret?.contents ?? []).toString()).toBe('secret');
});
