import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { needsValues } from '../../../../src/cli/objects/show-objects.ts';
import { parseCustomColumns } from '../../../../src/cli/output/custom-columns.ts';
import { parseJsonPath, parseRelaxedPath } from '../../../../src/cli/output/parse-json-path.ts';

const path = (text: string) => orThrow(parseRelaxedPath(text, ''));
const columns = (text: string) => orThrow(parseCustomColumns(text, ''));

test.each([
  ['a table', undefined, undefined, false],
  ['names', 'name' as const, undefined, false],
  ['YAML', 'yaml' as const, undefined, true],
  ['a template', orThrow(parseJsonPath('{.metadata.name}', '')), undefined, true],
  ['columns of metadata', columns('N:.metadata.name,T:.type,K:kind'), undefined, false],
  ['a column of data', columns('N:.metadata.name,D:.data.x'), undefined, true],
  ['a column of anything', columns('N:..x'), undefined, true],
  ['a column of several fields', columns("N:['metadata']"), undefined, false],
  ['order by metadata', undefined, path('.metadata.creationTimestamp'), false],
  ['order by data', undefined, path('{.data.x}'), true],
  ['order by anything', undefined, path('.*'), true],
])('values are fetched for %s: %s %s %s', (_, format, sortBy, expected) => {
  expect(needsValues(format, sortBy)).toBe(expected);
});
