import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine, firstLine } from '../support/suite/command-line.ts';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

const verify = (token: string, jwks: string) => jwtVerify(token.trimEnd(), createLocalJWKSet(JSON.parse(jwks)));

describe('create token', () => {
  test('prints a token and nothing else', async () => {
    const flags = ['-n', 'shop', '--audience', 'vault', '--audience', 'https://api.example', '--duration', '30m'];
    const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', 'web-0', '--bound-object-uid', 'u-1'];
    const { code, stdout, stderr } = await shell.run('create', 'token', 'default', ...flags, ...bound);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[-\w]+\.[-\w]+\.[-\w]+\n$/);
    const { payload } = await verify(stdout, await shell.output('jwks'));
    expect(payload).toMatchObject({
      iss: 'lantern',
      aud: ['vault', 'https://api.example'],
      'kubernetes.io': { namespace: 'shop', pod: { name: 'web-0', uid: 'u-1' } },
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(1_800);
  });

  test.each([
    [
      'an account that does not exist',
      ['nobody'],
      1,
      /^lantern: create a token for ServiceAccount default\/nobody: .*\n$/,
    ],
    ['a short life', ['default', '--duration', '1m'], 1, /^lantern: expiration_seconds: must be between 600 .*\n$/],
    ['no duration', ['default', '--duration', 'long'], 2, /--duration/],
    ['half a pod', ['default', '--bound-object-name', 'web-0'], 2, /must be set together/],
    ['another kind', ['default', '--bound-object-kind', 'Node'], 2, /Allowed choices are Pod/],
    ['no name', [], 2, /SERVICEACCOUNT/],
  ])('refuses %s', async (_what, args, code, message) => {
    const outcome = await shell.run('create', 'token', ...args);
    expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringMatching(message) });
  });
});

test('rotate-signing-key prints the id of the new key, the first that jwks has', async () => {
  const before = await shell.output('create', 'token', 'default');
  const keyId = (await shell.output('rotate-signing-key')).trimEnd();
  const jwks = await shell.output('jwks');
  expect(JSON.parse(jwks).keys[0].kid).toBe(keyId);
  await verify(before, jwks);
});

test('the default account is among the others, without an age', async () => {
  expect(await shell.output('get', 'serviceaccounts')).toMatch(/^NAME +SECRETS +AGE\ndefault +0 +<unknown>\n$/);
});

test('SIGKILL: the keys are what they were, and a half-written key set is no obstacle', async () => {
  await using killed = new CommandLine();
  const flags = ['--run-dir', killed.at('run'), '--publisher', 'direct'];
  const daemon = killed.start('serve', ...flags);
  await firstLine(daemon);
  const [token, keys] = [await killed.output('create', 'token', 'default'), await killed.output('jwks')];
  const exited = once(daemon, 'exit');
  daemon.kill('SIGKILL');
  await exited;
  writeFileSync(killed.at('run', 'jwks.json.new'), '{"keys":');
  writeFileSync(killed.at('run', 'jwks.json'), '{"keys":');
  await killed.serve();
  expect(await killed.output('jwks')).toBe(keys);
  await verify(token, readFileSync(killed.at('run', 'jwks.json'), 'utf8'));
  expect(decodeJwt(token.trimEnd()).sub).toBe('system:serviceaccount:default:default');
});
