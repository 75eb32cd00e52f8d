import { describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../../src/objects/env-names.ts';
import { faultLines } from '../../support/suite/expectations.ts';

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
