import { expect, test } from 'vitest';
import { parseKind } from '../../../../src/cli/kinds.ts';
import { objectTable } from '../../../../src/cli/objects/object-table.ts';
import type { Object__Output as WireObject } from '../../../../src/rpc/generated/lantern/v1/Object.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const PLAIN = {
  now: NOW,
  wide: false,
  withNamespace: false,
  withKind: false,
  withLabels: false,
  labelColumns: [],
  withHeadings: true,
};

function secret(name: string, type: string, sizes: Record<string, number>): WireObject {
  return {
    metadata: {
      name,
      namespace: 'default',
      labels: {},
      annotations: {},
      uid: '',
      resourceVersion: '7',
      creationTimestamp: '2026-11-23T11:55:30Z',
    },
    body: 'secret',
    applied: null,
    secret: { type, data: {}, immutable: false, sizes },
  };
}

const SECRETS = [secret('mysecret', 'Opaque', { username: 5, password: 12 }), secret('tls', 'kubernetes.io/tls', {})];

test("secrets as kubectl's table", () => {
  expect(objectTable(parseKind('secret'), SECRETS, PLAIN).split('\n')).toEqual([
    'NAME       TYPE                DATA   AGE',
    'mysecret   Opaque              2      4m30s',
    'tls        kubernetes.io/tls   0      4m30s',
  ]);
});

test('with namespaces, kinds and more columns', () => {
  const options = { ...PLAIN, wide: true, withNamespace: true, withKind: true };
  expect(objectTable(parseKind('secret'), SECRETS.slice(0, 1), options).split('\n')).toEqual([
    'NAMESPACE   NAME              TYPE     DATA   AGE     SIZE   REVISION',
    'default     secret/mysecret   Opaque   2      4m30s   17 B   7',
  ]);
});

test('labels come last, sorted; without headings columns are as wide as the rows need', () => {
  const [first, second] = SECRETS;
  if (!first?.metadata || second === undefined) throw new Error('a Secret is missing');
  const labelled = { ...first, metadata: { ...first.metadata, labels: { b: '2', a: '1' } } };
  const options = { ...PLAIN, withLabels: true };
  expect(objectTable(parseKind('secret'), [labelled, second], options).split('\n')).toEqual([
    'NAME       TYPE                DATA   AGE     LABELS',
    'mysecret   Opaque              2      4m30s   a=1,b=2',
    'tls        kubernetes.io/tls   0      4m30s   <none>',
  ]);
  expect(objectTable(parseKind('secret'), [labelled], { ...options, withHeadings: false })).toBe(
    'mysecret   Opaque   2   4m30s   a=1,b=2',
  );
});

test.each<[string, Partial<WireObject>, string]>([
  ['cm', { configMap: { data: {}, binaryData: {}, immutable: false, sizes: { a: 1 } } }, 'NAME DATA AGE x 1 4m30s'],
  ['sa', { serviceAccount: { secrets: ['a'], imagePullSecrets: [] } }, 'NAME SECRETS AGE x 1 4m30s'],
  ['projectedvolume', { projectedVolume: { specJson: '{}' } }, 'NAME AGE x 4m30s'],
  [
    'unitcredentials',
    { unitCredentials: { units: ['a.service', 'b@*.service'], credentials: [] } },
    'NAME UNITS CREDENTIALS AGE x a.service,b@*.service 0 4m30s',
  ],
])('%s', (word, body, cells) => {
  const object = { metadata: secret('x', '', {}).metadata, applied: null, ...body };
  expect(objectTable(parseKind(word), [object], PLAIN).split(/\s+/).join(' ')).toBe(cells);
});
