import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseBase64, parseUtf8 } from '../../../src/base/text.ts';
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

it('reads what is base64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(orThrow(parseBase64(Buffer.from(bytes).toString('base64'), 'f'))).toEqual(bytes);
    }),
  );
});

it.each(['aGVs\nbG8=', 'aGVsbG8=\n', '\r\naGVsb\r\nG8\n=\n'])('skips the line breaks of %j', (text) => {
  expect(Buffer.from(orThrow(parseBase64(text, 'f'))).toString()).toBe('hello');
});

it('names the field for plain text first', () => {
  expect(faultLines(parseBase64('hunter2!', 'data[a]', 'stringData'))).toEqual([
    'data[a]: plain text belongs into stringData; this field must be base64, padded to a multiple of four characters',
  ]);
});

it('gives bytes with memory of their own', () => {
  expect(orThrow(parseBase64('aGVsbG8=', 'f')).buffer.byteLength).toBe(5);
});

it.each([
  ['aGVs\tbG8=', 'must be base64'],
  ['a-_=', 'with + and / rather than - and _'],
  ['aGVsbG8', 'padded'],
  ['hunter2!', 'must be base64'],
  ['aGVs bG8=', 'must be base64'],
  ['=', 'must be base64'],
  ['aG==Vs==', 'must be base64'],
  ['a===', 'must be base64'],
])('refuses %j without repeating it', (text, message) => {
  const fault = faultLines(parseBase64(text, 'f')).join();
  expect(fault).toContain(message);
  expect(fault).not.toContain(text);
});
