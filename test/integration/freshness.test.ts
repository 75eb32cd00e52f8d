import { readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { CommandLine } from '../support/suite/command-line.ts';

const DB = { source: { secret: { secretName: 'db' } } };
const TOKEN = { source: { projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } } };

describe.each(['watch', 'cache', 'get'])('--change-detection %s', (changeDetection) => {
  it('shows a change at a refresh, whether or not it was seen before', async () => {
    await using harness = await DaemonHarness.start({ changeDetection, syncPeriod: '1h' });
    const { projector } = harness.client;
    await harness.applySecret('db', { password: 'one' });
    await projector.mount({ volumeId: 'v', definition: DB, targetPath: harness.target('t') });
    const contents = () => readFileSync(`${harness.target('t')}/password`, 'utf8');
    await harness.applySecret('db', { password: 'two' });
    expect(contents()).toBe(changeDetection === 'watch' ? 'two' : 'one');
    const changed = changeDetection !== 'watch';
    expect((await projector.refresh({ volumeId: 'v' })).results).toEqual([{ volumeId: 'v', changed, error: '' }]);
    expect(contents()).toBe('two');
    expect((await projector.refresh({ all: true })).results).toEqual([{ volumeId: 'v', changed: false, error: '' }]);
  });

  it('shows a change at the latest when the next round comes', async () => {
    await using harness = await DaemonHarness.start({ changeDetection, syncPeriod: '100ms' });
    const { projector } = harness.client;
    await harness.applySecret('db', { password: 'one' });
    await projector.mount({ volumeId: 'v', definition: DB, targetPath: harness.target('t') });
    let shown: string | undefined;
    for await (const { type } of projector.watchVolumes({ volumeId: 'v', includeExisting: true })) {
      if (type === 'MOUNTED') await harness.applySecret('db', { password: 'two' });
      else if (type === 'UPDATED') {
        shown = readFileSync(`${harness.target('t')}/password`, 'utf8');
        break;
      }
    }
    expect(shown).toBe('two');
  });
});

describe('Projector.Refresh', () => {
  let harness: DaemonHarness;
  beforeAll(async () => {
    harness = await DaemonHarness.start();
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  it.each([
    ['neither', {}, 'invalid-argument', /^volume_id: /],
    ['a negative page', { all: true, pageSize: -1 }, 'invalid-argument', /^page_size: /],
    ['a page after nothing', { all: true, pageToken: '?' }, 'invalid-argument', /^page_token: /],
    ['both', { volumeId: 'v', all: true }, 'invalid-argument', /^volume_id: /],
    ['an id that none can have', { volumeId: 'a\nb' }, 'invalid-argument', /^volume_id: /],
    ['an unknown volume', { volumeId: 'nobody' }, 'not-found', /"nobody"/],
  ])('refuses %s', async (_, request, code, message) => {
    const refreshing = harness.client.projector.refresh(request);
    await expect(refreshing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('of all where there are none is fine', async () => {
    const none = { results: [], nextPageToken: '', remaining: 0 };
    expect(await harness.client.projector.refresh({ all: true })).toEqual(none);
  });

  it('of all comes in pages on request', async () => {
    const { projector } = harness.client;
    await harness.applySecret('db', { password: 'one' });
    const ids = ['a', 'b', 'c'];
    for (const volumeId of ids)
      await projector.mount({ volumeId, definition: DB, targetPath: harness.target(volumeId) });
    const request = { all: true, pageSize: 2 };
    const first = await projector.refresh(request);
    // A volume of the first page that is gone moves none of the second.
    await projector.unmount({ volumeId: 'a' });
    const second = await projector.refresh({ ...request, pageToken: first.nextPageToken });
    const pages = [first, second].map(({ results, remaining }) => [results.map(({ volumeId }) => volumeId), remaining]);
    expect(pages).toEqual([
      [['a', 'b'], 1],
      [['c'], 0],
    ]);
    expect(second.nextPageToken).toBe('');
  });
});

test('a token that the daemon signs is in the volume, stays over a restart, and is in no log', async () => {
  await using harness = await DaemonHarness.start({ tokenIssuer: 'https://lantern.example' });
  const pod = { name: 'web-0', uid: 'uid-0' };
  await harness.client.projector.mount({ volumeId: 'v', definition: TOKEN, pod, targetPath: harness.target('t') });
  const token = readFileSync(`${harness.target('t')}/token`, 'utf8');
  expect(decodeJwt(token)).toMatchObject({
    iss: 'https://lantern.example',
    sub: 'system:serviceaccount:default:default',
    aud: ['vault'],
    'kubernetes.io': { pod },
  });
  await harness.restart();
  await harness.daemon.settled();
  await harness.client.projector.refresh({ all: true });
  expect(readFileSync(`${harness.target('t')}/token`, 'utf8')).toBe(token);
  expect(harness.logLines.join('\n')).not.toContain(token.split('.')[2]);
});

describe('lantern refresh', () => {
  let shell: CommandLine;
  beforeAll(async () => {
    shell = new CommandLine();
    await shell.serve('--change-detection', 'get', '--sync-period', '1h');
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
  });

  async function apply(name: string, value: string): Promise<void> {
    const secret = `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {password: ${value}}\n`;
    expect((await shell.runWithInput(secret, 'apply', '-f', '-')).code).toBe(0);
  }

  it('says which volumes had to change, and which could not', async () => {
    expect(await shell.run('refresh', '--all')).toEqual({ code: 0, stdout: '', stderr: 'No volumes are mounted.\n' });
    for (const name of ['one', 'two']) {
      await apply(name, 'old');
      await shell.output('mount', '--secret', name, '--id', name, shell.target(name));
    }
    await apply('one', 'new');
    expect(await shell.output('refresh', 'one', 'two')).toBe('volume "one" refreshed\nvolume "two" unchanged\n');
    expect(readFileSync(`${shell.target('one')}/password`, 'utf8')).toBe('new');

    await shell.output('delete', 'secret', 'two');
    const all = await shell.run('refresh', '--all');
    expect(all).toMatchObject({ code: 1, stdout: 'volume "one" unchanged\n' });
    expect(all.stderr).toMatch(/^lantern: volume "two" keeps its last good contents: .*Secret default\/two.*\n$/);

    const named = await shell.run('refresh', 'nobody', 'one', '-o', 'json');
    expect(named.code).toBe(1);
    expect(named.stderr).toMatch(/^lantern: .*"nobody".*\n$/);
    expect(JSON.parse(named.stdout)).toEqual({ results: [{ volumeId: 'one', changed: false, error: '' }] });
  });

  it('refreshes more volumes than one call does', async () => {
    await apply('many', 'old');
    const volumes = Array.from({ length: 300 }, (_, index) => `many-${String(index).padStart(3, '0')}`);
    {
      using client = connect(shell.socket);
      const definition = { source: { secret: { secretName: 'many' } } };
      const mount = (volumeId: string) => {
        return client.projector.mount({ volumeId, definition, targetPath: shell.target(volumeId) });
      };
      await Promise.all(volumes.map(mount));
    }
    await apply('many', 'new');
    const { stdout } = await shell.run('refresh', '--all');
    const refreshed = stdout.split('\n').filter((line) => line.endsWith(' refreshed'));
    expect(refreshed).toEqual(volumes.map((volumeId) => `volume "${volumeId}" refreshed`));
    expect(readFileSync(`${shell.target('many-299')}/password`, 'utf8')).toBe('new');
  });

  it.each([[['refresh']], [['refresh', 'one', '--all']]])('%j is wrong usage', async (args) => {
    expect((await shell.run(...args)).code).toBe(2);
  });
});
