import { readFileSync } from 'node:fs';
import { Stage } from '../demo/stage.ts';
import { connect, type LanternClient } from '../src/rpc/client.ts';
import { type Figure, inTurns, isQuick, median } from './measure.ts';

const SPEC = { source: { secret: { secretName: 'db' } } };
const AIM_SECONDS = 0.5;
/** More than the daemon keeps empty pools of, so that each turn has its pool to make, and another one to take away. */
const NAMESPACES = Array.from({ length: 12 }, (_, index) => `namespace-${index}`);

/** Times of calls to a real daemon. */
export async function benchDaemon(): Promise<Figure[]> {
  await using stage = new Stage();
  console.log(await stage.startDaemon());
  using client = connect(stage.socket);
  await applySecret(client, 'first');
  const neighbour = { volumeId: 'neighbour', definition: SPEC, targetPath: stage.at('neighbour') };
  await client.projector.mount(neighbour);
  const beside = await publishing(stage, client, 'beside another volume');
  await client.projector.unmount(neighbour);
  const again = await publishing(stage, client, 'first of its namespace, its pool kept from before');
  for (const namespace of NAMESPACES) await applySecret(client, 'first', namespace);
  const unpooled = await publishing(stage, client, 'first of its namespace, with its pool', NAMESPACES);
  return [beside, again, unpooled, ...(await fanOut(stage, client))];
}

async function publishing(
  stage: Stage,
  client: LanternClient,
  which: string,
  namespaces: readonly string[] = [''],
): Promise<Figure> {
  let turn = 0;
  const target = stage.at('target');
  const { pair, empty } = await inTurns(isQuick ? 5 : 30, 50, {
    empty: async () => {
      await client.health.check({ service: '' });
    },
    pair: async () => {
      const namespace = namespaces[turn++ % namespaces.length] ?? '';
      await client.projector.mount({ volumeId: 'bench', namespace, definition: SPEC, targetPath: target });
      await client.projector.unmount({ volumeId: 'bench', targetPath: target });
    },
  });
  // Two calls are made; the aim is per call.
  const ratio = pair / 2 / empty;
  return {
    what: `publish + unpublish over gRPC, per call / empty call, ${which}`,
    value: `${ratio.toFixed(2)} (${(pair / 2).toFixed(0)} µs / ${empty.toFixed(0)} µs)`,
    aim: '<= 2.5',
    met: ratio <= 2.5,
  };
}

async function fanOut(stage: Stage, client: LanternClient): Promise<Figure[]> {
  const count = isQuick ? 100 : 1000;
  const targets = Array.from({ length: count }, (_, index) => stage.at(`fan-${index}`));
  for (const [index, targetPath] of targets.entries()) {
    await client.projector.mount({ volumeId: `fan-${index}`, definition: SPEC, targetPath });
  }
  const start = performance.now();
  await applySecret(client, 'second');
  const waiting = new Set(targets);
  while (waiting.size > 0 && performance.now() - start < 20_000) {
    for (const target of waiting) {
      if (readFileSync(`${target}/password`, 'utf8') !== 'second') break;
      waiting.delete(target);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - start) / 1000;
  const idle = await idleRound(client, seconds);
  for (const [index, targetPath] of targets.entries()) {
    await client.projector.unmount({ volumeId: `fan-${index}`, targetPath });
  }
  const changed = {
    what: `one Secret in ${count} volumes, until all show it`,
    value: `${seconds.toFixed(3)} s`,
    aim: `< ${AIM_SECONDS} s for 1000`,
    met: waiting.size === 0 && seconds < AIM_SECONDS,
  };
  return [changed, idle];
}

/** A refresh of all volumes does what a round of the sync period does. */
async function idleRound(client: LanternClient, changedSeconds: number): Promise<Figure> {
  const seconds: number[] = [];
  let isIdle = true;
  for (let round = 0; round < 7; round++) {
    const start = performance.now();
    const { results } = await client.projector.refresh({ all: true });
    seconds.push((performance.now() - start) / 1000);
    isIdle &&= results.every(({ changed, error }) => !changed && error === '');
  }
  const ratio = median(seconds) / changedSeconds;
  return {
    what: 'a round of the sync period over the same volumes, unchanged / until all show a change',
    value: `${ratio.toFixed(2)} (${median(seconds).toFixed(3)} s)`,
    aim: '<= 0.5',
    met: isIdle && ratio <= 0.5,
  };
}

async function applySecret(client: LanternClient, password: string, namespace = ''): Promise<void> {
  const data = { username: Buffer.from('admin'), password: Buffer.from(password), 'tls.crt': Buffer.alloc(2048, 'x') };
  await client.objects.apply({ object: { metadata: { name: 'db', namespace }, secret: { data } } });
}
