import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseUtf8 } from '../../../src/base/text.ts';
import { processorTime } from '../../support/host/process.ts';
import { faultLines } from '../../support/suite/expectations.ts';

it('text is read as it is, without the mark before it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (given) => {
      const text = Buffer.from(given)
        .toString()
        .replace(/^\uFEFF/, '');
      expect(parseUtf8(Buffer.from(`\uFEFF${text}`), 'f')).toEqual({ ok: true, value: text });
    }),
  );
});

it('the first byte that is no character has a place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(0xff, 0xc0, 0x80, 0xe4), (given, bad) => {
      const text = `\uFFFD${given}`;
      const lines = text.split('\n');
      const column = [...(lines.at(-1) ?? '')].length + 1;
      const bytes = Buffer.concat([Buffer.from(text), Buffer.from([bad, 0x6e, 0xff, 0x0a])]);
      expect(faultLines(parseUtf8(bytes, 'f'))).toEqual([
        `f: line ${lines.length}, column ${column}: is not UTF-8; save the file as UTF-8`,
      ]);
    }),
  );
});

it.each([
  ['UTF-16, little endian', Buffer.from('\uFEFFkind: x', 'utf16le')],
  ['UTF-16, big endian', Buffer.from('\uFEFFkind: x', 'utf16le').swap16()],
])('%s is named', (_, bytes) => {
  expect(faultLines(parseUtf8(bytes, 'f'))).toEqual(['f: is UTF-16, but must be UTF-8; save it as UTF-8']);
});

it('a large file takes no more than a moment', () => {
  const bytes = Buffer.concat([Buffer.alloc(4_000_000, '\uFFFD'), Buffer.from([0xff])]);
  const before = processorTime();
  expect(faultLines(parseUtf8(bytes, 'f')).join()).toContain('is not UTF-8');
  expect(processorTime() - before).toBeLessThan(5_000);
});
