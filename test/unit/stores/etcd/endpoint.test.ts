import { EtcdPermissionDeniedError, GRPCResourceExhastedError, GRPCUnavailableError } from 'etcd3';
import { expect, test } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import { etcdError, isPassing } from '../../../../src/stores/etcd/endpoint.ts';

const PLANTED = 'planted-secret';

test.each<[unknown, LanternError['code'], string, boolean]>([
  [new GRPCUnavailableError(`14 UNAVAILABLE: ${PLANTED}`), 'unavailable', '--etcd-endpoints', true],
  [new GRPCUnavailableError(`self-signed certificate ${PLANTED}`), 'unavailable', '--etcd-ca', true],
  [new Error('9 FAILED_PRECONDITION: etcdserver: leader changed'), 'unavailable', 'a leader', true],
  [new Error('etcdserver: invalid auth token'), 'unavailable', 'did not answer', true],
  [
    new Error(`authentication failed, invalid user ID or password ${PLANTED}`),
    'permission-denied',
    '--etcd-user',
    false,
  ],
  [
    new EtcdPermissionDeniedError(`etcdserver: permission denied ${PLANTED}`),
    'permission-denied',
    '--etcd-prefix',
    false,
  ],
  [new Error('etcdserver: mvcc: database space exceeded'), 'resource-exhausted', 'defragment', false],
  [new GRPCResourceExhastedError('Received message larger than max'), 'resource-exhausted', 'larger', false],
  [new Error('etcdserver: mvcc: required revision has been compacted'), 'out-of-range', 'list again', false],
  [Object.assign(new Error(PLANTED), { code: 14 }), 'unavailable', 'did not answer', true],
  [new Error(PLANTED), 'internal', 'does not know', false],
  [PLANTED, 'internal', 'does not know', false],
])('%s is %s', (error, code, text, passing) => {
  const failure = etcdError(error, 'read Secret default/db');
  expect(failure).toMatchObject({ code, message: expect.stringContaining(text) });
  expect(failure.cause).toBeUndefined();
  expect(failure.message).toMatch(/^read Secret default\/db: /);
  expect(`${failure.message}${failure.stack}`).not.toContain(PLANTED);
  expect(isPassing(error)).toBe(passing);
});

test('an error of ours stays what it is', () => {
  const error = new LanternError('data-loss', 'it is damaged');
  expect(etcdError(error, 'read')).toBe(error);
});
