import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { createLog } from '../../../../src/base/log.ts';
import { EtcdIdentityFiles, readIdentity } from '../../../../src/stores/etcd/identity.ts';
import { Authority } from '../../../support/host/certificates.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const files = new TempDir('/dev/shm');
afterAll(() => files[Symbol.dispose]());

function write(name: string, contents: string): string {
  writeFileSync(files.at(name), contents);
  return files.at(name);
}

const authority = new Authority('etcd');
const [one, other] = [authority.issue('one'), authority.issue('other')];
const ca = write('ca.pem', authority.cert);
const pair = { cert: write('one.pem', one.cert), key: write('one.key', one.key) };
const HTTPS = { endpoints: ['https://localhost:2379'], ca, pair, login: undefined };
const HTTP = { endpoints: ['http://localhost:2379'], ca: undefined, pair: undefined };

describe('what is read', () => {
  test('is the contents of the files, and the password without the end of its line', async () => {
    const login = { user: 'lantern', passwordFile: write('password', ' p4ss word \r\n') };
    expect(await readIdentity({ ...HTTPS, login })).toEqual({
      tls: { ca: Buffer.from(authority.cert), cert: Buffer.from(one.cert), key: Buffer.from(one.key) },
      login: { user: 'lantern', password: ' p4ss word ' },
    });
    expect(await readIdentity({ ...HTTP, login: undefined })).toEqual({ tls: undefined, login: undefined });
  });

  test.each([
    ['no file', { ...HTTPS, ca: files.at('none.pem') }, 'not-found', /^read --etcd-ca "/],
    [
      'no certificate',
      { ...HTTPS, ca: write('text.pem', 's3cret') },
      'failed-precondition',
      /^read --etcd-ca ".*not a certificate/,
    ],
    [
      "another one's key",
      { ...HTTPS, pair: { ...pair, key: write('other.key', other.key) } },
      'failed-precondition',
      /^read --etcd-cert ".*" and --etcd-key ".*": they do not belong together/,
    ],
    [
      'half a key',
      { ...HTTPS, pair: { ...pair, key: write('half.key', one.key.slice(0, 90)) } },
      'failed-precondition',
      /^read --etcd-cert /,
    ],
    [
      'an empty password',
      { ...HTTP, login: { user: 'lantern', passwordFile: write('empty', '\n') } },
      'failed-precondition',
      /^read --etcd-password-file ".*": it is empty$/,
    ],
  ])('%s is refused by its flag, without a byte of it', async (_, config, code, message) => {
    const refused = readIdentity({ ...config, login: 'login' in config ? config.login : undefined });
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringMatching(/s3cret|PRIVATE|BEGIN/) });
  });
});

test('what cannot be used leaves what was read before, and is said once; what can is used', async () => {
  const lines: string[] = [];
  const log = createLog('info', 'json', { write: (line) => void lines.push(line) });
  const passwordFile = write('renewed', 'first');
  const identity = await EtcdIdentityFiles.open({ ...HTTP, login: { user: 'lantern', passwordFile } }, log);
  const first = identity.current;
  expect(await identity.renewed()).toBe(first);
  write('renewed', '');
  expect(await identity.renewed()).toBe(first);
  expect(await identity.renewed()).toBe(first);
  expect(lines).toEqual([
    expect.stringMatching(/--etcd-password-file .*it is empty; what was read before stays in use/),
  ]);
  write('renewed', 'second');
  expect((await identity.renewed()).login?.password).toBe('second');
  expect(lines.join('')).not.toMatch(/first|second/);
});
