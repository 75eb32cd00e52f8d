import { expect, test } from 'vitest';
import { describeServiceAccount } from '../../../../src/cli/output/describe-object.ts';
import type { Object__Output as WireObject } from '../../../../src/rpc/generated/lantern/v1/Object.ts';

const NOW = Date.parse('2026-11-23T12:10:00Z');

function metadata(name: string, uid: string, annotations: Record<string, string> = {}) {
  return {
    name,
    namespace: 'team',
    labels: {},
    annotations,
    uid,
    resourceVersion: '1',
    creationTimestamp: '2026-11-23T12:00:00Z',
  };
}

function secret(name: string, type: string, account = '', uid = ''): WireObject {
  const annotations = { 'kubernetes.io/service-account.name': account, 'kubernetes.io/service-account.uid': uid };
  const body = { type, data: {}, immutable: false, sizes: {} };
  return { metadata: metadata(name, '', annotations), secret: body, body: 'secret', applied: null };
}

function account(secrets: string[], imagePullSecrets: string[]): WireObject {
  return {
    metadata: metadata('builder', 'u1'),
    serviceAccount: { secrets, imagePullSecrets },
    body: 'serviceAccount',
    applied: null,
  };
}

test('an account without anything, as kubectl shows it', () => {
  expect(describeServiceAccount(account([], []), [], [], NOW).split('\n')).toEqual([
    'Name:                builder',
    'Namespace:           team',
    'Labels:              <none>',
    'Annotations:         <none>',
    'Image pull secrets:  <none>',
    'Mountable secrets:   <none>',
    'Tokens:              <none>',
    'Events:              <none>',
  ]);
});

test('names of Secrets below each other; those that are not there; tokens of this very account', () => {
  const TOKEN = 'kubernetes.io/service-account-token';
  const secrets = [
    secret('a', 'Opaque', 'builder', 'u1'),
    secret('mine', TOKEN, 'builder', 'u1'),
    secret('of-an-earlier', TOKEN, 'builder', 'u0'),
    secret('of-another', TOKEN, 'other', 'u1'),
  ];
  const involvedObject = { kind: 'ServiceAccount', namespace: 'team', name: 'builder', uid: '', fieldPath: '' };
  const time = '2026-11-23T12:09:55.000Z';
  const times = { firstTimestamp: time, lastTimestamp: time };
  const event = { id: 'e', involvedObject, type: 'NORMAL', reason: 'R', message: 'm', count: 1, host: 'h' } as const;
  const text = describeServiceAccount(account(['a', 'gone'], ['gone']), secrets, [{ ...event, ...times }], NOW);
  expect(text.split('\n').slice(4)).toEqual([
    'Image pull secrets:  gone (not found)',
    'Mountable secrets:   a',
    '                     gone (not found)',
    'Tokens:              mine',
    'Events:',
    '  Type    Reason  Age  From        Message',
    '  ----    ------  ---  ----        -------',
    '  Normal  R       5s   lantern, h  m',
  ]);
});
