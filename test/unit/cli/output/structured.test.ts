import { expect, test } from 'vitest';
import { wireToJson } from '../../../../src/cli/output/structured.ts';

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
