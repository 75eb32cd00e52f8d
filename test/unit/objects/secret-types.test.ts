import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { problemOfTlsPair, registryConfig } from '../../../src/objects/secret-types.ts';
import { Authority } from '../../support/host/certificates.ts';

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

const authority = new Authority('ca');
const { cert, key } = authority.issue('one');
const foreign = authority.issue('two').key;
const encrypted = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
}).privateKey;
const der = {
  cert: new X509Certificate(cert).raw,
  key: createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }),
};
const certificateProblem = 'the certificate must be an X.509 certificate in PEM';
const swapped =
  'the two are the wrong way round: the first holds a private key, the second a certificate; exchange them';
const marked = (what: string) =>
  `${what} must not begin with a byte order mark, which hides the PEM behind it; save it as UTF-8 without one`;
const keyProblem = 'the key must be a private key in PEM, without a passphrase';

test.each<[what: string, cert: string | Buffer, key: string | Buffer, problem: string | undefined]>([
  ['a pair', cert, key, undefined],
  ['a chain', cert + authority.cert, key, undefined],
  ['the chain the wrong way round', authority.cert + cert, key, 'the key does not belong to the certificate'],
  ["somebody else's key", cert, foreign, 'the key does not belong to the certificate'],
  ['no certificate', 'nothing', key, certificateProblem],
  ['a certificate in DER', der.cert, key, certificateProblem],
  ['a certificate cut short', cert.slice(0, 100), key, certificateProblem],
  ['no key', cert, '', keyProblem],
  ['a key in DER', cert, der.key, keyProblem],
  ['an encrypted key', cert, encrypted, keyProblem],
  ['two mistaken for each other', key, cert, swapped],
  ['one file with both', key + cert, key + cert, undefined],
  ['a mark before the certificate', `\uFEFF${cert}`, key, marked('the certificate')],
  ['a mark before both', `\uFEFF${cert}`, `\uFEFF${key}`, marked('the certificate and the key')],
])('%s', (_, certificate, privateKey, problem) => {
  expect(problemOfTlsPair(Buffer.from(certificate), Buffer.from(privateKey))).toBe(problem);
});
