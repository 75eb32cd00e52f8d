import { expect, test } from 'vitest';
import { describeConfigMap, describeSecret } from '../../../../src/cli/output/describe-object.ts';

const metadata = {
  name: 'db',
  namespace: 'team',
  labels: {},
  annotations: {},
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-11-23T12:00:00Z',
};

const lines = (text: string): string[] => text.split('\n');

test('a Secret as kubectl shows it', () => {
  const secret = { type: 'Opaque', data: {}, immutable: false, sizes: { 'username.txt': 5, 'password.txt': 12, a: 0 } };
  const labels = { tier: 'web', app: 'shop' };
  const annotations = { note: 'one', long: 'two\nlines \u001b[31m' };
  expect(
    lines(describeSecret({ metadata: { ...metadata, labels, annotations }, secret, body: 'secret', applied: null })),
  ).toEqual([
    'Name:         db',
    'Namespace:    team',
    'Labels:       app=shop',
    '              tier=web',
    'Annotations:  long:',
    '                two',
    '                lines \\x1b[31m',
    '              note: one',
    '',
    'Type:  Opaque',
    '',
    'Data',
    '====',
    'a:             0 bytes',
    'password.txt:  12 bytes',
    'username.txt:  5 bytes',
  ]);
});

const NOW = Date.parse('2026-11-23T12:10:00Z');
const involvedObject = { kind: 'ConfigMap', namespace: 'team', name: 'db', uid: '', fieldPath: '' };
const event = { id: 'e1', involvedObject, type: 'WARNING', host: 'node-1' } as const;

test('a ConfigMap with its texts, and binary values by their size', () => {
  const configMap = {
    data: { b: 'two\n\tlines\u0007', a: '' },
    binaryData: { bin: Buffer.from('xyz') },
    immutable: false,
    sizes: { a: 0, b: 11, bin: 3 },
  };
  expect(lines(describeConfigMap({ metadata, configMap, body: 'configMap', applied: null }, [], NOW))).toEqual([
    'Name:         db',
    'Namespace:    team',
    'Labels:       <none>',
    'Annotations:  <none>',
    '',
    'Data',
    '====',
    'a:',
    '----',
    '',
    '',
    'b:',
    '----',
    'two',
    '\tlines\\x07',
    '',
    '',
    'BinaryData',
    '====',
    'bin: 3 bytes',
    '',
    'Events:  <none>',
  ]);
});

test('the events of a ConfigMap, counted', () => {
  const configMap = { data: {}, binaryData: {}, immutable: false, sizes: {} };
  const once = '2026-11-23T12:09:55.000Z';
  const events = [
    {
      ...event,
      reason: 'Odd',
      message: 'a\nb',
      count: 3,
      firstTimestamp: '2026-11-23T12:00:00.000Z',
      lastTimestamp: once,
    },
    {
      ...event,
      type: 'NORMAL' as const,
      reason: 'Fine',
      message: 'ok',
      count: 1,
      firstTimestamp: once,
      lastTimestamp: once,
    },
  ];
  expect(
    lines(describeConfigMap({ metadata, configMap, body: 'configMap', applied: null }, events, NOW)).slice(-5),
  ).toEqual([
    'Events:',
    '  Type     Reason  Age               From             Message',
    '  ----     ------  ---               ----             -------',
    '  Warning  Odd     5s (x3 over 10m)  lantern, node-1  a\\x0ab',
    '  Normal   Fine    5s                lantern, node-1  ok',
  ]);
});
