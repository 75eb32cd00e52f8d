import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';

const CALLS = 50;

it('many calls and streams at once end with their client, without a warning and without a trace', async () => {
  const warnings: unknown[] = [];
  const note = (warning: unknown) => void warnings.push(warning);
  process.on('warning', note);
  let underWay = 0;
  const untilAborted = async (signal: AbortSignal): Promise<void> => {
    underWay += 1;
    if (!signal.aborted) await once(signal, 'abort');
    underWay -= 1;
  };
  await using fixture = await RpcFixture.start({
    projector: {
      // Answers all the same, when nobody listens any more.
      mount: async (_, signal) => {
        await untilAborted(signal);
        return {};
      },
      watchVolumes: async function* (_: object, signal: AbortSignal) {
        yield {};
        await untilAborted(signal);
        throw new Error('too late for anybody to hear');
      },
    },
  });
  const leaving = connect(fixture.lanternSocket);
  const stops = Array.from({ length: CALLS }, () => new AbortController());
  const ends = stops.flatMap(({ signal }) => [
    leaving.projector.mount({}, { signal }).catch(() => 'ended'),
    (async () => {
      for await (const _ of leaving.projector.watchVolumes({}, { signal }));
      return 'ended';
    })(),
  ]);
  while (underWay < 2 * CALLS) await turn();
  for (const stop of stops) stop.abort();
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['ended']));
  while (underWay > 0) await turn();
  leaving.close();
  expect((await fixture.client.health.check({ service: '' })).status).toBe('SERVING');
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
