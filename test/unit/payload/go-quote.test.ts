import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goQuote } from '../../../src/payload/downward-fields.ts';

/** Reads a Go string literal back; throws for what Go would not accept between double quotes. */
function goUnquote(literal: string): string {
  expect(literal).toMatch(/^"(?:[^"\\\n]|\\(?:["\\abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*"$/u);
  const short: Record<string, string> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  return literal
    .slice(1, -1)
    .replace(/\\(?:x(..)|u(.{4})|U(.{8})|(.))/g, (_, x?: string, u?: string, U?: string, letter?: string) => {
      const digits = x ?? u ?? U;
      if (digits !== undefined) return String.fromCodePoint(Number.parseInt(digits, 16));
      return short[letter ?? ''] ?? letter ?? '';
    });
}

describe('Go quoting', () => {
  // Each right-hand side is what Go's strconv.Quote answers.
  test.each([
    ['', '""'],
    ['plain text', '"plain text"'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ['a\nb\tc\r', '"a\\nb\\tc\\r"'],
    ['\u0007\b\f\v', '"\\a\\b\\f\\v"'],
    ['\u0000\u001b\u007f', '"\\x00\\x1b\\x7f"'],
    ['grüezi ☺ 日本', '"grüezi ☺ 日本"'],
    ['\u0085\u00a0\u00ad\u2028\ufeff', '"\\u0085\\u00a0\\u00ad\\u2028\\ufeff"'],
    ['😀\u{e0001}', '"😀\\U000e0001"'],
    ['\ud800', '"\\ufffd"'],
    ["it's <&>", '"it\'s <&>"'],
  ])('%j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });

  test('any text comes back, and stays on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(goUnquote(goQuote(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});
