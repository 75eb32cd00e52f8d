import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const NESTED = `${'- '.repeat(150)}a\n`;
const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}: 0`).join('\n');
const items = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `k${index}`, path: `d/p${index}` }));
const variables = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `N${index}`, value: 'v' }));

/** A Pod of the largest size, as YAML, in another namespace than the request says. */
const POD = `kind: Pod\nmetadata: {name: p, namespace: elsewhere}\nspec:\n  containers:\n  - name: c\n    env:\n${variables(
  9_000,
)
  .map(({ name, value }) => `    - name: ${name}\n      value: ${value}`)
  .join('\n')}`;

/** Nanoseconds that each thread of a process has had of a processor. The main thread's id is the process's. */
function processorTimes(pid: number): ReadonlyMap<number, number> {
  return new Map(
    readdirSync(`/proc/${pid}/task`).map((thread) => {
      return [Number(thread), Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])];
    }),
  );
}

describe('a daemon with a tenth of the memory that it is shipped with', () => {
  it('survives what a pod author, and whoever reaches its socket, may send it', async () => {
    await using shell = new CommandLine(['--max-old-space-size=48']);
    await shell.serve('--store', 'memory');
    using client = connect(shell.socket);
    const publish = (volumeContext: Record<string, string>) =>
      client.node.nodePublishVolume({
        volumeId: 'v',
        targetPath: shell.target('t'),
        volumeCapability: { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' } },
        volumeContext,
      });
    const apply = (specJson: string) =>
      client.objects.apply({ object: { metadata: { name: 'a' }, projectedVolume: { specJson } } });
    const mountPod = (manifest: string) => client.projector.mountPod({ manifest, rootPath: shell.target('root') });
    const attempts: (() => Promise<unknown>)[] = [
      () => publish({ spec: NESTED.repeat(2_000) }),
      () => publish({ spec: keys(60_000) }),
      () => publish({ 'csi.storage.k8s.io/serviceAccount.tokens': '[0,'.repeat(300_000) }),
      () => publish(Object.fromEntries(Array.from({ length: 150_000 }, (_, index) => [`${index}`, '']))),
      () => mountPod(NESTED.repeat(3_000)),
      () => mountPod(keys(70_000)),
      () => mountPod('---\n'.repeat(250_000)),
      () => mountPod(`[${'0,'.repeat(500_000)}0]`),
      () =>
        mountPod(
          `a: &a {${keys(20_000).replaceAll('\n', ',')}}\n${Array.from({ length: 900 }, (_, index) => `b${index}: {<<: *a}`).join('\n')}`,
        ),
      () => apply(`[${'{},'.repeat(80_000)}{}]`),
    ];
    for (const attempt of attempts) {
      const { code, message } = await rejectionOf(attempt());
      // A thread that is short of memory may give up before it has counted.
      expect(`${code}: ${message} (${attempt})`).toMatch(/^(invalid-argument|resource-exhausted): /);
    }
    expect((await client.health.check({ service: '' })).status).toBe('SERVING');
  }, 120_000);
});

describe('what takes long to be read is read where nobody waits', () => {
  it.each<[string, (client: ReturnType<typeof connect>) => Promise<unknown>]>([
    ['a Pod', (client) => client.projector.mountPod({ manifest: POD, namespace: 'default', rootPath: '/dev/shm/x' })],
    [
      'a spec',
      (client) => {
        const specJson = JSON.stringify({ secret: { secretName: '', items: items(5_000) } });
        return client.objects.apply({ object: { metadata: { name: 'a' }, projectedVolume: { specJson } } });
      },
    ],
    [
      'a volume source',
      (client) => {
        const source = { secret: { secretName: '', items: items(5_000) } };
        return client.projector.renderVolume({ definition: { source } });
      },
    ],
    [
      'an environment',
      (client) => client.projector.resolveEnvironment({ containerName: '', env: [...variables(6_000), { name: '' }] }),
    ],
  ])(
    '%s',
    async (_, attempt) => {
      await using shell = new CommandLine();
      await shell.serve('--store', 'memory');
      using client = connect(shell.socket);
      const pid = shell.pid ?? 0;
      const ask = async () => expect((await rejectionOf(attempt(client))).code).toBe('invalid-argument');
      // The thread is there.
      await ask();
      // Reading is most of the work, beside taking in the request. V8's own helpers have a fraction of what they help.
      // What both threads run is compiled at some time, which a busy machine delays.
      let part = 0;
      for (let round = 0; round < 6 && part <= 0.6; round += 1) {
        const before = processorTimes(pid);
        for (let count = 0; count < 4; count += 1) await ask();
        const spent = [...processorTimes(pid)].map(
          ([thread, time]) => [thread, time - (before.get(thread) ?? 0)] as const,
        );
        const main = new Map(spent).get(pid) ?? 0;
        part = Math.max(...spent.filter(([thread]) => thread !== pid).map(([, time]) => time)) / main;
      }
      expect(part).toBeGreaterThan(0.6);
    },
    60_000,
  );
});

it('the command reads no more of an endless stdin than of a file, and then says why', async () => {
  await using shell = new CommandLine();
  for (const args of [
    ['apply', '-f', '-'],
    ['create', 'secret', 'generic', 'x', '--from-file=k=-'],
    ['create', 'cm', 'x', '--from-env-file=/dev/stdin'],
  ]) {
    const child = shell.start(...args);
    const { stdin, stderr } = child;
    if (stdin === null || stderr === null) throw new Error('a stream is missing');
    const [said, [code]] = await Promise.all([
      text(stderr),
      once(child, 'exit'),
      pipeline(createReadStream('/dev/zero'), stdin).catch(() => {}),
    ]);
    expect({ code, said }).toEqual({ code: 1, said: 'lantern: read stdin: it is longer than 64 MiB; split it\n' });
  }
});
