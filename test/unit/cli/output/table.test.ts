import { expect, test } from 'vitest';
import { formatTable, GrowingTable } from '../../../../src/cli/output/table.ts';
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
