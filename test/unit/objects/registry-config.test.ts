import { expect, test } from 'vitest';
import { registryConfig } from '../../../src/objects/secret-types.ts';

test('is what docker reads: credentials by server, and both in base64', () => {
  const login = { server: 'r.example', username: 'me', password: 'p:w"', email: undefined };
  const auth = Buffer.from('me:p:w"').toString('base64');
  const read = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
  const plain = { username: 'me', password: 'p:w"', auth };
  expect(read(registryConfig(login))).toEqual({ auths: { 'r.example': plain } });
  expect(read(registryConfig({ ...login, email: 'me@r.example' }))).toEqual({
    auths: { 'r.example': { ...plain, email: 'me@r.example' } },
  });
});
