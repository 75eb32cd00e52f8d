import { expect, test } from 'vitest';
import { fieldSelectorOf } from '../../../src/cli/field-selector.ts';

type Item = { readonly name: string; readonly type: string };

const FIELDS = { name: ({ name }: Item) => name, type: ({ type }: Item) => type };
const ITEMS: readonly Item[] = [
  { name: 'a', type: 'x/y' },
  { name: 'b', type: 'x/y' },
  { name: 'c', type: '' },
];

test.each([
  [undefined, 'abc'],
  ['name=a', 'a'],
  ['name==a', 'a'],
  ['name!=a', 'bc'],
  ['type=x/y,name!=a', 'b'],
  ['type=', 'c'],
  ['name=a,name=b', ''],
])('%s', (selector, expected) => {
  const isSelected = fieldSelectorOf(selector, FIELDS);
  expect(
    ITEMS.filter(isSelected)
      .map(({ name }) => name)
      .join(''),
  ).toBe(expected);
});

test.each([
  ['nme=a', '--field-selector: "nme" cannot be selected by; known here: name, type'],
  ['toString=a', '--field-selector: "toString" cannot be selected by; known here: name, type'],
  ['name', '--field-selector: "name" must be FIELD=VALUE, FIELD==VALUE or FIELD!=VALUE'],
  ['name=a=b', '--field-selector: "name=a=b" must be FIELD=VALUE, FIELD==VALUE or FIELD!=VALUE'],
  [',name=a', '--field-selector: "" must be FIELD=VALUE, FIELD==VALUE or FIELD!=VALUE'],
])('%s is refused', (selector, message) => {
  expect(() => fieldSelectorOf(selector, FIELDS)).toThrow(message);
});

test('all faults at once', () => {
  expect(() => fieldSelectorOf('a=b,c=d', FIELDS)).toThrow(/^2 faults:/);
});
