import { expect, test } from 'vitest';
import { styleFor } from '../../../../src/cli/output/style.ts';
import { formatTable } from '../../../../src/cli/output/table.ts';

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
