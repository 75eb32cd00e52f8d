import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseBase64 } from '../../../src/base/text.ts';
import { faultLines } from '../../support/suite/expectations.ts';

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
