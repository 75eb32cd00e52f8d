import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  ageSince,
  formatAge,
  formatTable,
  formatTree,
  GrowingTable,
  type TreeLine,
} from '../../../../src/cli/output/table.ts';
import { styleFor } from '../../../../src/cli/output/text.ts';

test('columns are as wide as their widest cell, three blanks apart, without trailing blanks', () => {
  expect(
    formatTable(
      ['NAME', 'TYPE', 'DATA'],
      [
        ['mysecret', 'Opaque', '2'],
        ['a', 'kubernetes.io/tls', ''],
      ],
    ),
  ).toBe(
    ['NAME       TYPE                DATA', 'mysecret   Opaque              2', 'a          kubernetes.io/tls'].join(
      '\n',
    ),
  );
});

test('colour and letters beyond the basic plane take the width that is seen', () => {
  const { good } = styleFor(true);
  expect(
    formatTable(
      ['A', 'B'],
      [
        [good('ok'), '1'],
        ['𝒳yz', '2'],
      ],
    ),
  ).toBe(`A     B\n${good('ok')}    1\n𝒳yz   2`);
});

test('rows that come later keep to the columns, and widen them where they must', () => {
  const table = new GrowingTable(['NAME', 'DATA']);
  expect(table.add([['a', '1']])).toBe('NAME   DATA\na      1');
  expect(table.add([['b', '2']])).toBe('b      2');
  expect(table.add([['a-longer-name', '3']])).toBe('a-longer-name   3');
  expect(table.add([['c', '4']])).toBe('c               4');
});

test('without headings the rows alone, in one width all along', () => {
  const table = new GrowingTable(undefined);
  expect(table.add([])).toBe('');
  expect(table.add([['abc', '1']])).toBe('abc   1');
  expect(table.add([['b', '2']])).toBe('b     2');
});

const PLAIN = styleFor(false);

describe('a table that has to fit', () => {
  const columns = [{ how: 'cut', floor: 5 }, undefined, { how: 'wrap', floor: 6 }] as const;
  const { bad } = styleFor(true);
  const [before = '', after = ''] = bad('|').split('|');

  test.each<[string, number, readonly string[], readonly string[]]>([
    ['it does', 40, ['name', 'kept', 'one two'], ['name   kept   one two']],
    ['a cell loses its middle', 22, ['abcdefghij', 'k', 'one two'], ['abcd…hij   k   one two']],
    ['or goes on below, at blanks', 20, ['name', 'kept', 'one two'], ['name   kept   one', '              two']],
    ['or within a word', 20, ['name', 'kept', '0123456789'], ['name   kept   012345', '              6789']],
    ['characters of two columns', 20, ['日本語日本', 'k', 'ab'], ['日本語日本   k   ab']],
    ['and when those are cut', 17, ['日本語日本', 'k', 'ab'], ['日本…本    k   ab']],
    ['marks take no width', 9, ['e\u0301', 'k', 'ab'], ['e\u0301   k   ab']],
    [
      'colours stay around each line',
      17,
      ['a', 'k', bad('one two three')],
      [`a   k   ${before}one two${after}`, `        ${before}three${after}`],
    ],
    ['below the floors the terminal breaks lines', 4, ['abcdef', 'kept', 'x'], ['ab…ef   kept   x']],
    ['nothing at all', 4, ['', '', ''], ['']],
  ])('%s', (_, width, row, lines) => {
    expect(formatTable(undefined, [row], undefined, { width, columns }).split('\n')).toEqual(lines);
  });
});

function entry(path: string, facts: Partial<TreeLine> = {}): TreeLine {
  return { path, type: 'FILE', mode: 0o644, user: 0, group: 0, size: 0, linkTarget: '', ...facts };
}

test('directories, files and links, with strokes only where more follows', () => {
  const directory = { type: 'DIRECTORY', mode: 0o755 } as const;
  const entries = [
    entry('..2026', directory),
    entry('..2026/a', { ...directory, mode: 0o2755, group: 1000 }),
    entry('..2026/a/b', { mode: 0o400, size: 12 }),
    entry('..2026/a/c', { size: 2048, user: 1000 }),
    entry('..2026/d'),
    entry('..data', { type: 'SYMLINK', mode: 0o777, size: 6, linkTarget: '..2026' }),
    entry('z', directory),
    entry('z/last'),
  ];
  expect(formatTree('volume', entries, PLAIN)).toBe(
    [
      'volume',
      '├── ..2026/           0755  0:0',
      '│   ├── a/            2755  0:1000',
      '│   │   ├── b         0400  0:0  12 B',
      '│   │   └── c         0644  1000:0  2.0 KiB',
      '│   └── d             0644  0:0  0 B',
      '├── ..data -> ..2026',
      '└── z/                0755  0:0',
      '    └── last          0644  0:0  0 B',
    ].join('\n'),
  );
});

test('an empty volume is its root', () => {
  expect(formatTree('volume', [], PLAIN)).toBe('volume');
});

test('a name cannot steer the terminal', () => {
  expect(formatTree('v', [entry('a\u001b[2J\n')], PLAIN)).toBe('v\n└── a\\x1b[2J\\x0a  0644  0:0  0 B');
});

test('colour does not shift columns', () => {
  const entries = [entry('d', { type: 'DIRECTORY' }), entry('d/file')];
  const coloured = formatTree('v', entries, styleFor(true));
  expect(coloured).toContain('\u001b[');
  expect(stripVTControlCharacters(coloured)).toBe(formatTree('v', entries, PLAIN));
});

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 365 * DAY;

test.each<[number, string]>([
  [-5, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [5 * MINUTE + 30, '5m30s'],
  [10 * MINUTE - 1, '9m59s'],
  [10 * MINUTE + 59, '10m'],
  [3 * HOUR - 1, '179m'],
  [3 * HOUR, '3h'],
  [7 * HOUR + 5 * MINUTE, '7h5m'],
  [8 * HOUR + 30 * MINUTE, '8h'],
  [2 * DAY - 1, '47h'],
  [3 * DAY + 4 * HOUR, '3d4h'],
  [8 * DAY + 4 * HOUR, '8d'],
  [2 * YEAR - 1, '729d'],
  [2 * YEAR + 12 * DAY, '2y12d'],
  [8 * YEAR + 12 * DAY, '8y'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatAge(seconds * 1000)).toBe(text);
});

test('counts from a timestamp', () => {
  expect(ageSince('2026-11-23T19:24:08Z', Date.UTC(2026, 10, 23, 19, 25, 8))).toBe('60s');
  expect(ageSince('', 0)).toBe('<unknown>');
});
