import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import {
  customColumnsPrinter,
  parseColumnsFile,
  parseCustomColumns,
} from '../../../../src/cli/output/custom-columns.ts';

const OBJECT = {
  metadata: { name: 'db', labels: { b: '2', a: '1', 'app.kubernetes.io/name': 'shop' } },
  ports: [{ port: 1 }, { port: 2 }],
  nested: [{ list: [1, null, true] }],
  escape: '\u001b[31m',
};

test.each([
  ['.metadata.name', 'db'],
  ['metadata.name', 'db'],
  ['{.metadata.name}', 'db'],
  ['{metadata.name}', 'db'],
  [String.raw`.metadata.labels.app\.kubernetes\.io/name`, 'shop'],
  ['.metadata.labels', 'map[a:1 app.kubernetes.io/name:shop b:2]'],
  ['.ports[*].port', '1,2'],
  ['.nested', '[map[list:[1 <nil> true]]]'],
  ['.nope', '<none>'],
  ['.escape', String.raw`\x1b[31m`],
])('%s', (path, expected) => {
  const print = customColumnsPrinter(orThrow(parseCustomColumns(`X:${path}`, '-o')), false);
  expect(print([OBJECT])).toBe(expected);
});

test('headings once, and columns that keep their width', () => {
  const print = customColumnsPrinter(orThrow(parseCustomColumns('NAME:.metadata.name,P:.ports[0].port', '-o')), true);
  expect(print([OBJECT])).toBe('NAME   P\ndb     1');
  expect(print([OBJECT])).toBe('db     1');
});

test('a file has headings above paths', () => {
  const columns = orThrow(parseColumnsFile('\nNAME   PORTS\n.metadata.name  .ports[*].port\n', 'f'));
  expect(customColumnsPrinter(columns, true)([OBJECT])).toBe('NAME   PORTS\ndb     1,2');
});

test.each([
  ['NAME', '"NAME" must be HEADING:PATH, such as NAME:.metadata.name'],
  [':.x', '"" must be HEADING:PATH, such as NAME:.metadata.name'],
  ['A:.x,B', '"B" must be HEADING:PATH, such as NAME:.metadata.name'],
  ['A:{.x}{.y}', expect.stringContaining('must be one path, such as .metadata.name')],
  ['A:{range .x}', expect.any(String)],
])('%s is refused', (text, message) => {
  expect(parseCustomColumns(text, '-o custom-columns')).toEqual({
    ok: false,
    faults: [{ field: '-o custom-columns', message }],
  });
});

test.each(['', 'A', 'A B\n.x', 'A\n.x\n.y'])('the file %j is refused', (text) => {
  expect(parseColumnsFile(text, 'f')).toEqual({
    ok: false,
    faults: [{ field: 'f', message: 'must be a line of headings, and a line with as many paths' }],
  });
});
