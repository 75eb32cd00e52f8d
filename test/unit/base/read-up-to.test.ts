import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readUpTo } from '../../../src/base/read-up-to.ts';

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.from('abcd');
}

test.each([
  [['abc', 'de'], 5, 'abcde'],
  [['abc', 'def'], 5, undefined],
  [[], 0, ''],
])('%j up to %d bytes', async (chunks, maxBytes, expected) => {
  const bytes = await readUpTo(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), maxBytes);
  expect(bytes?.toString()).toBe(expected);
});

test('a stream without an end is closed', async () => {
  const stream = Readable.from(endless());
  expect(await readUpTo(stream, 10)).toBeUndefined();
  expect(stream.destroyed).toBe(true);
});
