import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatYaml, wireToJson } from '../../../../src/cli/output/structured.ts';

test('what proto-loader adds goes, fields that only look like it stay', () => {
  const message = {
    volumeId: 'v',
    mountGroup: 0,
    _mountGroup: 'mountGroup',
    pod: null,
    definition: {
      definition: 'source',
      source: {
        source: 'secret',
        secret: { secretName: 's', items: [{ key: 'path', path: 'p' }], defaultMode: undefined },
      },
    },
    entries: [{ contents: Buffer.from('a\0b') }],
  };
  expect(JSON.parse(JSON.stringify(wireToJson(message)))).toEqual({
    volumeId: 'v',
    mountGroup: 0,
    definition: { source: { secret: { secretName: 's', items: [{ key: 'path', path: 'p' }] } } },
    entries: [{ contents: 'YQBi' }],
  });
});

test('YAML keeps text that YAML 1.1 would take for something else, with sorted keys', async () => {
  const value = { b: 'yes', a: ['0400', '1e3', '12:30:45', '~', '', 'x: y'], c: 'two\nlines\n' };
  const text = await formatYaml(value);
  expect(parse(text, { version: '1.1' })).toEqual(value);
  expect(text.split('\n')[0]).toBe('a:');
  expect(text).not.toMatch(/\n$/);
});
