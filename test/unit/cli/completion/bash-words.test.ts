import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteForBash, splitBashLine } from '../../../../src/cli/completion/bash-words.ts';

/** Bash's own default. */
const BREAKS = ' \t\n"\'><=;|&(:';

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => !/\p{C}|\p{Z}(?<! )/u.test(text));
const quotes = fc.constantFrom('', '"', "'") as fc.Arbitrary<'' | '"' | "'">;

/** As readline completes it, with its own closing quote. */
function completed(value: string, quote: '' | '"' | "'"): string {
  const text = quote + quoteForBash(value, quote);
  return text.endsWith(quote) && text.length > 1 ? text : text + quote;
}

test('a quoted name is one word, and read back', () => {
  fc.assert(
    fc.property(name, quotes, (value, quote) => {
      const line = `lantern ${completed(value, quote)} `;
      expect(splitBashLine(line, BREAKS)).toEqual({ words: ['lantern', value, ''], kept: '', quote: '' });
    }),
  );
});

test('bash reads quoted names as they are', () => {
  const names = fc.sample(fc.tuple(name, quotes), { numRuns: 2_000, seed: 1 });
  const script = names.map(([value, quote]) => `printf '%s\\0' ${completed(value, quote)}\n`).join('');
  const { stdout, stderr } = spawnSync('bash', ['-c', `set -o history -o histexpand\n${script}`], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout.split('\0').slice(0, -1)).toEqual(names.map(([value]) => value));
});

test.each<[string, ...unknown[]]>([
  ['lantern ', ['lantern', ''], '', ''],
  ['lantern get  se', ['lantern', 'get', 'se'], '', ''],
  ['lantern get --output=ya', ['lantern', 'get', '--output=ya'], '--output=', ''],
  ['lantern volume a\\:b:c', ['lantern', 'volume', 'a:b:c'], 'a:b:', ''],
  ['lantern volume a\\:b', ['lantern', 'volume', 'a:b'], '', ''],
  ['lantern volume "a:b c', ['lantern', 'volume', 'a:b c'], '', '"'],
  ['lantern volume x=\'a "', ['lantern', 'volume', 'x=a "'], 'x=', "'"],
  ['lantern volume "a\\"\\b', ['lantern', 'volume', 'a"\\b'], '', '"'],
  ['lantern volume a\\', ['lantern', 'volume', 'a'], '', ''],
  ['lantern volume $(x) `y`', ['lantern', 'volume', '$(x)', '`y`'], '', ''],
])('%s', (line, words, kept, quote) => {
  expect(splitBashLine(line, BREAKS)).toEqual({ words, kept, quote });
});
