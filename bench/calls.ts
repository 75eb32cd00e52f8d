import { mkdirSync } from 'node:fs';
import { Stage } from '../demo/stage.ts';
import { connect } from '../src/rpc/client.ts';
import { BareServer } from './bare-server.ts';
import { EMPTY_CALL } from './caller.ts';
import { Callers, type Measured, type Sequence } from './callers.ts';
import { type Figure, figure, isQuick, ratioFigure } from './measure.ts';
import { publishCall, putSecret, unpublishCall } from './secret.ts';

/** More than the daemon keeps empty pools of, so that each turn has its pool to make, and another one to take away. */
const NAMESPACES = Array.from({ length: 12 }, (_, index) => `namespace-${index}`);
const CALLERS = 32;
const SERIAL = { do: 'serial', rounds: isQuick ? 5 : 25, perRound: isQuick ? 24 : 60 } as const;
const PARALLEL = { do: 'parallel', rounds: isQuick ? 2 : 5, milliseconds: isQuick ? 500 : 1500 } as const;

/** Calls of a real daemon, of a bare server, and of one that makes the system calls only, in turns. */
export async function benchCalls(): Promise<Figure[]> {
  await using stage = new Stage();
  const ready = await stage.startDaemon();
  if (!ready.includes('publisher bind')) {
    console.log('the daemon cannot mount here: times of calls are not measured');
    return [];
  }
  using client = connect(stage.socket);
  for (const namespace of ['', ...NAMESPACES]) await putSecret(client, 'first', namespace);
  await using bare = new BareServer();
  await using calls = new BareServer();
  const [bareSocket, callsSocket] = [stage.at('bare.sock'), stage.at('calls.sock')];
  mkdirSync(stage.at('volumes'));
  await bare.ask({ socket: bareSocket, directory: undefined });
  await calls.ask({ socket: callsSocket, directory: stage.at('volumes') });
  await using callers = new Callers();
  const servers = (sequences: readonly Sequence[]) => ({
    lantern: { socket: stage.csiSocket, pid: stage.pid, sequences },
    bare: { socket: bareSocket, pid: bare.pid, sequences },
    calls: { socket: callsSocket, pid: calls.pid, sequences },
  });

  const target = stage.at('target');
  const kept = publishCall('kept', stage.at('kept'));
  const pair = servers([[publishCall('pair', target), unpublishCall('pair', target)]]);
  const { bare: bareEmpty, lantern: empty } = servers([[EMPTY_CALL]]);
  const unpooled = NAMESPACES.map((namespace) => [
    publishCall(`pair-${namespace}`, target, namespace),
    unpublishCall(`pair-${namespace}`, target),
  ]);
  const pooled = await callers.ask({ ...SERIAL, actions: { empty, pair: pair.lantern } });
  await callers.ask({ do: 'once', socket: stage.csiSocket, callers: 1, calls: [kept] });
  const repeat = { ...empty, sequences: [[kept]] };
  const { measured: serial } = await callers.ask({
    ...SERIAL,
    actions: {
      empty,
      bareEmpty,
      repeat,
      pair: pair.lantern,
      barePair: pair.bare,
      callsPair: pair.calls,
      unpooled: { ...empty, sequences: unpooled },
    },
  });
  const { measured: parallel } = await callers.ask({ ...PARALLEL, actions: servers(pairs(stage)) });
  await callers.ask({
    do: 'once',
    socket: stage.csiSocket,
    callers: 1,
    calls: [unpublishCall('kept', stage.at('kept'))],
  });
  return [...serialFigures(serial, pooled.measured), ...parallelFigures(parallel)];
}

/** Distinct volumes, for a caller each. */
function pairs(stage: Stage): readonly Sequence[] {
  return Array.from({ length: CALLERS }, (_, index) => {
    const [volume, target] = [`volume-${index}`, stage.at(`target-${index}`)];
    return [publishCall(volume, target), unpublishCall(volume, target)];
  });
}

const NOTHING: Measured = { microseconds: Number.NaN, processor: Number.NaN, p50: Number.NaN, p99: Number.NaN };

/** Each ratio of times with that of the servers' processor times beside it, which other processes disturb less. */
function compare(what: string, one: Measured = NOTHING, other: Measured = NOTHING, most: number, factor = 1): Figure {
  const processor = one.processor / (factor * other.processor);
  const note = `; processor ${processor.toFixed(2)}: ${one.processor.toFixed(0)} / ${(factor * other.processor).toFixed(0)}`;
  return ratioFigure(what, one.microseconds, factor * other.microseconds, most, note);
}

type ByName = Readonly<Record<string, Measured>>;

function serialFigures(of: ByName, pooled: ByName): Figure[] {
  return [
    compare('7  empty call / bare server', of.empty, of.bareEmpty, 1.1),
    compare('2  repeat of a publish, nothing to do / empty call', of.repeat, of.empty, 1.25),
    compare('4  publish + unpublish / 2 empty calls, beside another volume', of.pair, of.empty, 2, 2),
    compare('4  ..., in a pool kept from before', pooled.pair, pooled.empty, 2, 2),
    compare('4  ..., with a pool to make', of.unpooled, of.empty, 2, 2),
    withoutAim(
      compare('   ..., bare system calls / 2 empty calls of the bare server', of.callsPair, of.bareEmpty, 0, 2),
    ),
    withoutAim(compare('   publish + unpublish / bare server', of.pair, of.barePair, 0)),
  ];
}

function parallelFigures({ lantern = NOTHING, bare = NOTHING, calls = NOTHING }: ByName): Figure[] {
  const share = (what: string, one: Measured): Figure => {
    const ratio = bare.microseconds / one.microseconds;
    const rates = `${(1e6 / one.microseconds).toFixed(0)} / ${(1e6 / bare.microseconds).toFixed(0)} a second`;
    const processor = `processor ${(bare.processor / one.processor).toFixed(2)}: ${one.processor.toFixed(0)} µs a pair`;
    return { what, value: `${ratio.toFixed(2)} (${rates}; ${processor})`, aim: '>= 0.33', met: ratio >= 0.33 };
  };
  const latency = `(p50 ${lantern.p50.toFixed(1)} / ${bare.p50.toFixed(1)}, p99 ${lantern.p99.toFixed(1)} / ${bare.p99.toFixed(1)} ms)`;
  return [
    share(`3  pairs with ${CALLERS} parallel callers / bare server`, lantern),
    withoutAim(share('   ..., bare system calls / bare server', calls)),
    figure('5  an empty call during 3, p99 / bare server', lantern.p99 / bare.p99, '', 2, ` ${latency}`),
  ];
}

function withoutAim(of: Figure): Figure {
  return { ...of, aim: '', met: true };
}
