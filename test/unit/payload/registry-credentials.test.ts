import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import type { StoredObject, StoredSecret } from '../../../src/objects/object.ts';
import { matchCredentials } from '../../../src/payload/registry-credentials.ts';
import { parseImageReference } from '../../../src/spec/image-reference.ts';
import { secretDraft, stored } from '../../support/objects/builders.ts';

const PLANTED = 'pl4nted';
const JSON_TYPE = 'kubernetes.io/dockerconfigjson';

function pullSecret(name: string, values: Readonly<Record<string, string>>, type: string): StoredSecret {
  const object: StoredObject = stored(secretDraft(name, values, { type }));
  if (object.kind !== 'Secret') throw new Error('not a Secret');
  return object;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const configOf = (auths: unknown, name = 'pull') =>
  pullSecret(name, { '.dockerconfigjson': JSON.stringify({ auths }) }, JSON_TYPE);
const oldConfigOf = (entries: unknown, name = 'old') =>
  pullSecret(name, { '.dockercfg': JSON.stringify(entries) }, 'kubernetes.io/dockercfg');

/** A login whose user is named after the registry it is for. */
const logins = (...locations: readonly string[]) =>
  Object.fromEntries(locations.map((location) => [location, { username: location, password: PLANTED }]));

const image = (text: string) => orThrow(parseImageReference(text, 'image'));
const usersFor = (text: string, ...secrets: readonly StoredSecret[]) =>
  matchCredentials(image(text), secrets).credentials.map(({ username }) => username);

describe('which registry is for which image', () => {
  test.each<[location: string, image: string, matches: boolean]>([
    ['r.example', 'r.example/app', true],
    ['r.example', 'r.example/team/app:v1', true],
    ['r.example', 'other.example/app', false],
    ['r.example', 'sub.r.example/app', false],
    ['r.example', 'r.example.evil/app', false],
    ['r.example', 'app', false],
    ['https://r.example', 'r.example/app', true],
    ['http://r.example/', 'r.example/app', true],
    ['https://r.example/v1/', 'r.example/app', true],
    ['https://r.example/v2/', 'r.example/app', true],
    ['https://r.example/v2/team', 'r.example/team/app', true],
    ['https://r.example/v2/team', 'r.example/app', false],
    // Ports.
    ['r.example:5000', 'r.example:5000/app', true],
    ['r.example:5000', 'r.example/app', false],
    ['r.example', 'r.example:5000/app', false],
    ['r.example:5000', 'r.example:5001/app', false],
    ['*.example:5000', 'r.example:5000/app', true],
    ['*.example:5000', 'r.example/app', false],
    // Paths: a prefix, as text.
    ['r.example/team', 'r.example/team/app', true],
    ['r.example/team', 'r.example/team', true],
    ['r.example/team', 'r.example/teammates/app', true],
    ['r.example/team', 'r.example/other/team', false],
    ['r.example/team/app', 'r.example/team', false],
    ['r.example/*', 'r.example/app', false],
    // Patterns, label by label.
    ['*.example', 'r.example/app', true],
    ['*.example', 'a.r.example/app', false],
    ['*.*.example', 'a.r.example/app', true],
    ['*.example', 'example/app', false],
    ['r.*', 'r.example/app', true],
    ['r*.example', 'registry.example/app', true],
    ['*y.example', 'registry.example/app', true],
    ['r*g*y.example', 'registry.example/app', true],
    ['r*x*y.example', 'registry.example/app', false],
    ['app-?.example', 'app-1.example/app', true],
    ['app-?.example', 'app-12.example/app', false],
    ['*', 'r.example/app', false],
    ['*', 'localhost/app', true],
    // The default registry.
    ['docker.io', 'busybox', true],
    ['docker.io/library', 'busybox', true],
    ['https://index.docker.io/v1/', 'busybox', true],
    ['index.docker.io', 'docker.io/team/app', true],
    ['index.docker.io', 'index.docker.io/team/app', true],
    ['https://index.docker.io/v1/', 'r.example/app', false],
    ['index.docker.io/team', 'team/app', false],
    ['*.io', 'busybox', true],
  ])('%s for %s: %s', (location, text, matches) => {
    const expected = matches ? [location] : [];
    expect(usersFor(text, configOf(logins(location)))).toEqual(expected);
    expect(usersFor(text, oldConfigOf(logins(location)))).toEqual(expected);
  });
});

describe('order', () => {
  test('the most specific first', () => {
    const secret = configOf(logins('*.example', 'r.example', 'r.example/team', 'r.example/team/app', 'r.*'));
    expect(usersFor('r.example/team/app', secret)).toEqual([
      'r.example/team/app',
      'r.example/team',
      'r.example',
      'r.*',
      '*.example',
    ]);
  });

  test('under one name, in the order of the secrets', () => {
    const first = configOf({ 'r.example': { username: 'first', password: '' } });
    const second = oldConfigOf({ 'https://r.example': { username: 'second', password: '' } });
    expect(usersFor('r.example/app', first, second)).toEqual(['first', 'second']);
    expect(usersFor('r.example/app', second, first)).toEqual(['second', 'first']);
  });

  test('the default registry only where nothing else matches', () => {
    expect(usersFor('busybox', configOf(logins('index.docker.io', 'docker.io')))).toEqual(['docker.io']);
  });
});

describe('logins', () => {
  test.each<[string, object, readonly [string, string]]>([
    ['username and password', { username: 'u', password: 'p' }, ['u', 'p']],
    ['auth', { auth: base64('u:p') }, ['u', 'p']],
    ['auth wins', { auth: base64('u:p'), username: 'x', password: 'y' }, ['u', 'p']],
    ['auth without padding', { auth: base64('user:p').replace(/=+$/, '') }, ['user', 'p']],
    ['the first colon ends the name', { auth: base64('u:p:q') }, ['u', 'p:q']],
    ['UTF-8', { auth: base64('ü:pä') }, ['ü', 'pä']],
    ['no name', { auth: base64(':p') }, ['', 'p']],
    ['an empty auth is none', { auth: '', username: 'u', password: 'p' }, ['u', 'p']],
  ])('%s', (_, entry, [username, password]) => {
    const { credentials, notices } = matchCredentials(image('r.example/app'), [configOf({ 'r.example': entry })]);
    expect(credentials).toEqual([{ key: 'r.example', username, password, secretName: 'pull' }]);
    expect(notices).toEqual([]);
  });
});

describe('what is malformed is left out, with a notice that holds none of it', () => {
  const good = logins('r.example');
  test.each<[string, StoredSecret, string, readonly string[]]>([
    [
      'no JSON',
      pullSecret('pull', { '.dockerconfigjson': `{"auths": ${PLANTED}` }, JSON_TYPE),
      'data[.dockerconfigjson] is not a JSON object',
      [],
    ],
    [
      'no UTF-8',
      stored(
        secretDraft('pull', { '.dockerconfigjson': new Uint8Array([0x7b, 0xff]) }, { type: JSON_TYPE }),
      ) as StoredSecret,
      'data[.dockerconfigjson] is not a JSON object',
      [],
    ],
    ['a list', oldConfigOf([PLANTED], 'pull'), 'data[.dockercfg] is not a JSON object', []],
    ['no auths', pullSecret('pull', { '.dockerconfigjson': '{}' }, JSON_TYPE), '.dockerconfigjson] has no object', []],
    ['auths of another kind', configOf(PLANTED), '.dockerconfigjson] has no object', []],
    ['another type', pullSecret('pull', { '.dockerconfigjson': '{}' }, 'Opaque'), 'its type must be', []],
    ['one entry of two', configOf({ x: PLANTED, ...good }), 'the entry for "x" is not a JSON object', ['r.example']],
    [
      'auth is no base64',
      configOf({ ...good, x: { auth: `*${PLANTED}` } }),
      'the entry for "x" has an "auth"',
      ['r.example'],
    ],
    ['auth is no pair', configOf({ x: { auth: base64(PLANTED) } }), 'the entry for "x" has an "auth"', []],
    ['auth is no text', configOf({ x: { auth: 5 } }), 'the entry for "x" has an "auth"', []],
    ['badly padded', configOf({ x: { auth: `${base64('ab:cd')}=` } }), 'the entry for "x" has an "auth"', []],
    ['no password', configOf({ x: { username: PLANTED } }), 'the entry for "x" has neither', []],
    ['no registry', configOf({ [`${PLANTED} x`]: { auth: base64('u:p') } }), 'entry 1 is not under the name', []],
    ['an odd path', configOf({ [`x/${PLANTED}=`]: {} }), 'entry 1 has neither', []],
    ['a port and a path', configOf({ 'https://x:5000/v1/team': {} }), 'the entry for "x:5000/team" has neither', []],
  ])('%s', (_, secret, message, users) => {
    const { credentials, notices } = matchCredentials(image('r.example/app'), [secret]);
    expect(credentials.map(({ username }) => username)).toEqual(users);
    expect(notices).toEqual([{ reason: 'InvalidImagePullSecret', message: expect.stringContaining(message) }]);
    expect(notices[0]?.message).toMatch(/^image pull secret Secret default\/pull: .*; it is left out$/);
    expect(JSON.stringify(notices)).not.toContain(PLANTED);
  });
});

test.each([
  ['in lines', (auth: string) => auth.replace(/.{4}/g, '$&\n')],
  ['with CRLF', (auth: string) => `\r\n${auth}\r\n`],
  ['in lines, without padding', (auth: string) => auth.replace(/=+$/, '').replace(/.{5}/g, '$&\n')],
])('an "auth" %s is used', (_, write) => {
  const secret = configOf({ 'r.example': { auth: write(base64('user:pässword')) } });
  const { credentials, notices } = matchCredentials(image('r.example/app'), [secret]);
  expect(credentials).toMatchObject([{ username: 'user', password: 'pässword' }]);
  expect(notices).toEqual([]);
});
