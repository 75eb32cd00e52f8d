import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandVariables } from '../../../src/payload/environment.ts';

const VARIABLES = new Map([
  ['A', 'one'],
  ['B', '$(A)'],
  ['EMPTY', ''],
  ['a.b-c', 'dotted'],
]);
const AMPLE = 10_000;

describe('the table', () => {
  test.each([
    ['', ''],
    ['plain', 'plain'],
    ['$(A)', 'one'],
    ['<$(A)$(A)>', '<oneone>'],
    ['$(a.b-c)', 'dotted'],
    ['$(EMPTY)', ''],
    // What a value brings is not looked at again.
    ['$(B)', '$(A)'],
    ['$(NONE)', '$(NONE)'],
    ['$()', '$()'],
    ['$$', '$'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$$$$(A)', '$$(A)'],
    ['$', '$'],
    ['$A', '$A'],
    ['cost: 5$', 'cost: 5$'],
    ['$(A', '$(A'],
    ['$(A$$', '$(A$'],
    ['$(A) $(A', 'one $(A'],
    ['$($(A))', '$($(A))'],
    ['$((A)', '$((A)'],
    ['$(A))', 'one)'],
    [')$(A)(', ')one('],
  ])('%j is %j', (text, expanded) => {
    expect(expandVariables(text, VARIABLES, AMPLE)).toBe(expanded);
  });

  test('a result longer than allowed is none, however short the text', () => {
    const long = new Map([['X', 'x'.repeat(1000)]]);
    expect(expandVariables('$(X)', long, 1000)).toHaveLength(1000);
    expect(expandVariables('$(X)!', long, 1000)).toBeUndefined();
    expect(expandVariables('$(X)'.repeat(100_000), long, 1000)).toBeUndefined();
  });

  test('starts without an end cost nothing more than their length', () => {
    const text = '$('.repeat(500_000);
    const started = performance.now();
    expect(expandVariables(text, VARIABLES, text.length)).toBe(text);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

/** The syntax, character by character, without any care for speed. */
function slowly(text: string, variables: ReadonlyMap<string, string>): string {
  if (text === '') return '';
  if (text.startsWith('$$')) return `$${slowly(text.slice(2), variables)}`;
  const [reference, name = ''] = /^\$\(([^)]*)\)/s.exec(text) ?? [];
  if (reference === undefined) return text.charAt(0) + slowly(text.slice(1), variables);
  return (variables.get(name) ?? reference) + slowly(text.slice(reference.length), variables);
}

const pieces = fc
  .array(fc.constantFrom('$', '$$', '(', ')', '$(', '$(A)', '$(B)', '$(NONE)', 'A', 'é', '\n'), { maxLength: 30 })
  .map((parts) => parts.join(''));

describe('for any text', () => {
  test('it is what the slow definition says', () => {
    fc.assert(
      fc.property(pieces, (text) => {
        expect(expandVariables(text, VARIABLES, AMPLE)).toBe(slowly(text, VARIABLES));
      }),
      { numRuns: 2000 },
    );
  });

  test('doubling every $ keeps the text as it is', () => {
    fc.assert(
      fc.property(fc.oneof(pieces, fc.string()), (text) => {
        expect(expandVariables(text.replaceAll('$', '$$$$'), VARIABLES, AMPLE)).toBe(text);
      }),
    );
  });

  test('without references nothing changes', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const without = text.replaceAll('$', '');
        expect(expandVariables(without, VARIABLES, AMPLE)).toBe(without);
      }),
    );
  });
});
