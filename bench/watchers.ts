import { writeFileSync } from 'node:fs';
import { Stage } from '../demo/stage.ts';
import { connect } from '../src/rpc/client.ts';
import { lantern } from '../src/rpc/protos.ts';
import { wireCall } from './caller.ts';
import { Callers } from './callers.ts';
import { type Figure, figure, isQuick, residentMiB, seconds, shown } from './measure.ts';
import { publishCall, putSecret, unpublishCall } from './secret.ts';

/** V8's space for young objects, which grows under load, is 50 of it. */
const MOST_MORE_MIB = 150;
const [VOLUMES, WATCHERS] = isQuick ? [100, 20] : [1_000, 100];

/** Watchers of all volumes, while all volumes change. */
export async function benchWatchers(): Promise<Figure[]> {
  await using stage = new Stage();
  const ready = await stage.startDaemon('--pool-size', '256Mi', '--pool-total', '256Mi');
  if (!ready.includes('publisher bind')) return [];
  using client = connect(stage.socket);
  await putSecret(client, 'first');
  await using callers = new Callers();
  const names = Array.from(
    { length: VOLUMES },
    (_, index) => [`volume-${index}`, stage.at(`target-${index}`)] as const,
  );
  const once = { do: 'once', socket: stage.csiSocket, callers: 16 } as const;
  await callers.ask({ ...once, calls: names.map(([id, target]) => publishCall(id, target)) });

  // The existing volumes come first, so that the watchers are known to watch.
  const call = wireCall(lantern.Projector.service.WatchVolumes, { includeExisting: true });
  const before = residentMiB(stage.pid);
  const attach = await callers.ask({ do: 'watch', socket: stage.socket, watchers: WATCHERS, call, messages: VOLUMES });
  // The peak counts from here.
  writeFileSync(`/proc/${stage.pid}/clear_refs`, '5');
  const told = await seconds(async () => {
    await putSecret(client, 'second');
    await callers.ask({ do: 'watched', messages: 2 * VOLUMES });
  });
  const peak = residentMiB(stage.pid, 'VmHWM');
  await callers.ask({ do: 'stop watching' });
  await callers.ask({ ...once, calls: names.map(([id, target]) => unpublishCall(id, target)) });
  const events = WATCHERS * VOLUMES;
  return [
    shown(`13  ${WATCHERS} watchers told of ${VOLUMES} existing volumes`, `${attach.seconds.toFixed(2)} s`),
    shown(
      '13  one change of all of them, until all watchers are told',
      `${told.toFixed(2)} s (${((told * 1e6) / events).toFixed(1)} µs an event)`,
    ),
    figure(
      '13  peak memory meanwhile',
      peak,
      'MiB',
      before + MOST_MORE_MIB,
      ` (before the watchers ${before.toFixed(0)} MiB)`,
    ),
  ];
}
