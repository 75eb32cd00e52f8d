import { expect, test } from 'vitest';
import { tcpPeer } from '../../../../src/rpc/transport/admission.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:1::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is a peer by %s', (remoteAddress, key) => {
  expect(tcpPeer({ remoteAddress })).toEqual({ key, isPrivileged: false, name: remoteAddress });
});

test('who has left is nobody', () => {
  expect(tcpPeer({ remoteAddress: undefined })).toBeUndefined();
});
