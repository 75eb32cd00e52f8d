import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnvName } from '../../../src/objects/env-names.ts';

const isTaken = (name: string, rule: 'strict' | 'relaxed') => parseEnvName(name, '', rule).ok;

/** Both verdicts are those of apimachinery's IsEnvVarName and IsRelaxedEnvVarName. */
test.each<[string, boolean, boolean]>([
  ['A', true, true],
  ['a.b-c_9', true, true],
  ['-', true, true],
  ['.a', true, true],
  ['...', false, true],
  ['..a', false, true],
  ['.', false, true],
  ['..', false, true],
  ['9', false, true],
  ['1badkey', false, true],
  ['a b', false, true],
  [' ', false, true],
  ['a:b', false, true],
  ['#%&', false, true],
  ['~', false, true],
  ['', false, false],
  ['a=b', false, false],
  ['=', false, false],
  ['a\nb', false, false],
  ['a\n', false, false],
  ['\u007f', false, false],
  ['é', false, false],
  ['\u0000', false, false],
])('%j: strict %s, relaxed %s', (name, strict, relaxed) => {
  expect([isTaken(name, 'strict'), isTaken(name, 'relaxed')]).toEqual([strict, relaxed]);
});

describe('relaxed', () => {
  test('every character by itself', () => {
    for (let code = 0; code <= 0xffff; code++) {
      const isPrintable = code >= 0x20 && code <= 0x7e && code !== 0x3d;
      expect(isTaken(String.fromCharCode(code), 'relaxed'), `U+${code.toString(16)}`).toBe(isPrintable);
    }
  });

  test('takes whatever strict takes', () => {
    const names = fc.stringMatching(/^[-._a-zA-Z0-9 =:é]{0,6}$/);
    fc.assert(fc.property(names, (name) => !isTaken(name, 'strict') || isTaken(name, 'relaxed')));
  });
});
