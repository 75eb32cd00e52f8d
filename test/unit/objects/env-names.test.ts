import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnvFile, parseEnvName } from '../../../src/objects/env-names.ts';
import { faultLines } from '../../support/suite/expectations.ts';

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

const read = (text: string | Uint8Array) => parseEnvFile(Buffer.from(text), { HOME: '/home/me' });

describe('entries', () => {
  test.each<[what: string, text: string, entries: [string, string][]]>([
    [
      'split at the first equals sign',
      'A=b=c\nB=',
      [
        ['A', 'b=c'],
        ['B', ''],
      ],
    ],
    ['comments and empty lines', '# A=1\n\n   \n  # B=2\nC=3', [['C', '3']]],
    ['blanks before the name go, others stay', '\tA= 1 ', [['A', ' 1 ']]],
    ['quotes are kept', 'A="1"', [['A', '"1"']]],
    [
      'lines of Windows, and a byte order mark',
      '\uFEFFA=1\r\nB=2\r\n',
      [
        ['A', '1'],
        ['B', '2'],
      ],
    ],
    [
      'a name alone takes what the environment has',
      'HOME\nNOT_THERE',
      [
        ['HOME', '/home/me'],
        ['NOT_THERE', ''],
      ],
    ],
    [
      'a name twice is for the caller to refuse',
      'A=1\nA=2',
      [
        ['A', '1'],
        ['A', '2'],
      ],
    ],
    [
      'a CR goes at the end and before a newline, and stays within a line',
      'A=1\rB\r\nC=2\r',
      [
        ['A', '1\rB'],
        ['C', '2'],
      ],
    ],
    ['no line at all', '', []],
  ])('%s', (_, text, entries) => {
    expect(read(text)).toEqual({ ok: true, value: entries });
  });
});

test('the word of a shell is told, and what the environment has but cannot be read', () => {
  expect(faultLines(read('export A=1\nA=2'))).toEqual([expect.stringMatching(/^line 1: .*"export".*leave it out$/)]);
  expect(faultLines(parseEnvFile(Buffer.from('A'), { A: 'p\uFFFD' }))).toEqual([
    expect.stringMatching(/^line 1: .*not UTF-8/),
  ]);
});

test('faults name their line and quote nothing', () => {
  const faults = faultLines(read('A=1\n1A=x\n\n=x\n..a=x\nA B=x\nA =1'));
  expect(faults.map((fault) => fault.split(':')[0])).toEqual(['line 2', 'line 4', 'line 5', 'line 6', 'line 7']);
  expect(new Set(faults.map((fault) => fault.replace(/^line \d: /, ''))).size).toBe(1);
  expect(faultLines(read(Uint8Array.of(0x41, 0x3d, 0xff)))).toEqual([': must be UTF-8 text']);
});
