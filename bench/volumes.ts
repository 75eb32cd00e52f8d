import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stage } from '../demo/stage.ts';
import { connect, type LanternClient } from '../src/rpc/client.ts';
import { NAMES } from './bare-calls.ts';
import { BareWriter } from './bare-writer.ts';
import { Callers, type Measured } from './callers.ts';
import {
  type Figure,
  figure,
  isQuick,
  median,
  printFigures,
  processorSeconds,
  residentMiB,
  seconds,
  shown,
} from './measure.ts';
import { publishCall, putSecret, secretValue, unpublishCall } from './secret.ts';

const CALLERS = 16;
/** Of a pool per volume: two generations, links, records, and their inodes. */
const BYTES_PER_VOLUME = 128 * 1024;
const PATIENCE_MS = 300_000;
/** How much more than in proportion to the volumes the processor time may grow: squares would at least double it. */
const MOST_GROWTH = 1.6;
/** Less processor time than this, in seconds, is noise: a start alone varies by some hundredths. */
const LEAST_SECONDS = 0.1;

type Phase = 'mounted' | 'all show a change' | 'SIGKILL until SERVING' | 'unmounted';

type Cost = { readonly seconds: number; readonly processor: number };

type Run = {
  readonly count: number;
  readonly costs: Readonly<Record<Phase, Cost>>;
  /** Of the system calls without which no change can be shown, before and after the change. */
  readonly bare: readonly Cost[];
  /** MiB. */
  readonly memory: Readonly<Record<'idle' | 'mounted' | 'changed' | 'restarted', number>>;
  readonly empty: Measured | undefined;
  /** Of a refresh of all that finds nothing to do, as the sync period's is. */
  readonly idleRound: number;
  /** What must never be, on any machine. */
  readonly faults: readonly string[];
};

/**
 * Many volumes of one Secret in a real daemon: mounted, changed, taken over after SIGKILL, unmounted. Returns what is
 * wrong on every machine: other contents or mounts than expected, and time that grows faster than the volumes.
 */
export async function benchVolumes(counts: readonly number[]): Promise<readonly string[]> {
  const runs: Run[] = [];
  for (const count of counts) {
    const run = await runVolumes(count);
    runs.push(run);
    printFigures(`${count} volumes of one Secret`, figuresOf(run));
  }
  const growth = runs.flatMap((run, index) => {
    const before = runs[index - 1];
    return before === undefined ? [] : growthOf(before, run);
  });
  return [...runs.flatMap(({ faults }) => faults), ...growth];
}

/** As part of a longer run, with fewer volumes. */
export async function benchSomeVolumes(): Promise<Figure[]> {
  const run = await runVolumes(isQuick ? 100 : 1_000);
  for (const fault of run.faults) console.error(`FAILED: ${fault}`);
  if (run.faults.length > 0) process.exitCode = 1;
  return figuresOf(run);
}

async function runVolumes(count: number): Promise<Run> {
  await using stage = new Stage();
  const pool = `${Math.ceil((count * BYTES_PER_VOLUME) / 2 ** 20) + 64}Mi`;
  const start = () => stage.startDaemon('--pool-size', pool, '--pool-total', pool);
  const ready = await start();
  if (!ready.includes('publisher bind')) throw new Error('the volumes need a daemon that can mount');
  await using callers = new Callers();
  const faults: string[] = [];
  const targets = Array.from({ length: count }, (_, index) => stage.at(`target-${index}`));
  let client = connect(stage.socket);
  try {
    await putSecret(client, 'first');
    const idle = residentMiB(stage.pid);
    // A start takes this much even with nothing to take over.
    const started = processorSeconds(stage.pid);
    const publish = targets.map((target, index) => publishCall(`volume-${index}`, target));
    const once = { do: 'once', socket: stage.csiSocket, callers: CALLERS } as const;
    const mounted = await costOf(stage.pid, () => callers.ask({ ...once, calls: publish }));
    faults.push(...wrongContents(targets, 'first'));
    const mountedMemory = residentMiB(stage.pid);

    await using bareWriter = new BareWriter();
    const writeBare = (version: string) =>
      costOf(bareWriter.pid, () => bareWriter.ask({ directory: stage.at('bare'), volumes: count, version }));
    await writeBare('first');
    const bare = [await writeBare('second')];
    await callers.ask({ do: 'probe', socket: stage.csiSocket });
    const changed = await costOf(stage.pid, () => change(client, targets, 'second'));
    const { measured } = await callers.ask({ do: 'stop probe' });
    faults.push(...wrongContents(targets, 'second'));
    const changedMemory = residentMiB(stage.pid);
    bare.push(await writeBare('third'));
    rmSync(stage.at('bare'), { recursive: true });
    const idleRound = await idleRoundOf(client);

    const before = stage.mounts();
    client.close();
    const from = performance.now();
    await stage.stopDaemon('SIGKILL');
    await start();
    client = connect(stage.socket);
    while ((await client.health.check({ service: '' })).status !== 'SERVING') await sleep(1);
    const restarted: Cost = {
      seconds: (performance.now() - from) / 1000,
      processor: processorSeconds(stage.pid) - started,
    };
    const restartedMemory = residentMiB(stage.pid);
    const after = stage.mounts();
    const isSame = before.length === after.length && before.every((line, index) => line === after[index]);
    if (!isSame) faults.push(`${count} volumes: SIGKILL and a new start changed the mount table`);
    faults.push(...wrongContents(targets, 'second'));
    await change(client, targets, 'third');
    faults.push(...wrongContents(targets, 'third'));

    const unpublish = targets.map((target, index) => unpublishCall(`volume-${index}`, target));
    const unmounted = await costOf(stage.pid, () => callers.ask({ ...once, calls: unpublish }));
    client.close();
    if ((await stage.stopDaemon('SIGTERM')) !== 0) faults.push(`${count} volumes: the daemon did not end well`);
    faults.push(...leftBy(stage, targets));
    return {
      count,
      costs: {
        mounted,
        'all show a change': changed,
        'SIGKILL until SERVING': restarted,
        unmounted,
      },
      bare,
      memory: { idle, mounted: mountedMemory, changed: changedMemory, restarted: restartedMemory },
      empty: measured.empty,
      idleRound,
      faults,
    };
  } finally {
    client.close();
  }
}

async function costOf(pid: number, action: () => Promise<unknown>): Promise<Cost> {
  const before = processorSeconds(pid);
  const start = performance.now();
  await action();
  return { seconds: (performance.now() - start) / 1000, processor: processorSeconds(pid) - before };
}

/** Puts the Secret and resolves when all targets show it. */
export async function change(client: LanternClient, targets: readonly string[], version: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const sent = putSecret(client, version);
  for (const target of targets) {
    const expected = secretValue('tls.crt', version);
    while (!readFileSync(`${target}/tls.crt`).equals(expected)) {
      if (performance.now() > deadline) throw new Error(`"${target}" does not show the change`);
      await sleep(1);
    }
  }
  await sent;
}

async function idleRoundOf(client: LanternClient): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 3; round++) rounds.push(await seconds(() => client.projector.refresh({ all: true })));
  return median(rounds);
}

function wrongContents(targets: readonly string[], version: string): string[] {
  const isWrong = (target: string) =>
    NAMES.some((name) => !readFileSync(`${target}/${name}`).equals(secretValue(name, version)));
  const wrong = targets.filter(isWrong);
  return wrong.length === 0 ? [] : [`${wrong.length} of ${targets.length} volumes do not show "${version}"`];
}

/** After the end of the daemon. */
function leftBy(stage: Stage, targets: readonly string[]): string[] {
  const mounts = stage.mounts().length;
  const directories = targets.filter((target) => existsSync(target)).length;
  const pools = readdirSync(`${stage.runDirectory}/pools`).length;
  const left = { mounts, directories, pools };
  return mounts + directories + pools === 0 ? [] : [`${targets.length} volumes: left are ${JSON.stringify(left)}`];
}

function figuresOf({ count, costs, bare, memory, empty, idleRound }: Run): Figure[] {
  const perVolume = (seconds: number) => `${((seconds * 1000) / count).toFixed(3)} ms a volume`;
  const rate = (phase: 'mounted' | 'unmounted'): Figure =>
    shown(
      `   ${phase} by ${CALLERS} callers`,
      `${(count / costs[phase].seconds).toFixed(0)} a second (${perVolume(costs[phase].processor)})`,
    );
  const { 'all show a change': changed, 'SIGKILL until SERVING': restarted } = costs;
  const meanOf = (part: keyof Cost) => bare.reduce((sum, cost) => sum + cost[part], 0) / bare.length;
  const least: Cost = { seconds: meanOf('seconds'), processor: meanOf('processor') };
  // Node itself takes part of the time of a start.
  const most = Math.max(1, (count * 3) / 10_000);
  return [
    rate('mounted'),
    figure('1  SIGKILL until SERVING', restarted.seconds, 's', most, ` (${perVolume(restarted.processor)})`),
    figure(
      '6  one change, until all show it',
      changed.seconds,
      's',
      Math.max(0.1, (count * 1.5) / 10_000),
      ` (${perVolume(changed.processor)}; bare calls: ${least.seconds.toFixed(2)} s)`,
    ),
    shown(
      '   ... / its bare system calls',
      `${(changed.seconds / least.seconds).toFixed(2)} (processor time ${(changed.processor / least.processor).toFixed(2)}, of ${perVolume(least.processor)})`,
    ),
    figure(
      '   a refresh of all, nothing to do / the change',
      idleRound / changed.seconds,
      '',
      0.5,
      ` (${idleRound.toFixed(3)} s)`,
    ),
    figure('6  memory after it / before', memory.changed / memory.mounted, '', 1.2),
    figure('5  an empty call during 6, p99', empty?.p99 ?? Number.NaN, 'ms', 20, ` (p50 ${empty?.p50.toFixed(2)} ms)`),
    figure('9  idle memory', memory.idle, 'MiB', 85),
    figure('9  memory with the volumes', memory.mounted, 'MiB', 200),
    shown('   memory after the restart', `${memory.restarted.toFixed(0)} MiB`),
    rate('unmounted'),
  ];
}

function growthOf(few: Run, many: Run): string[] {
  const faults: string[] = [];
  for (const [phase, { processor }] of Object.entries(many.costs) as [Phase, Cost][]) {
    const growth = processor / Math.max(few.costs[phase].processor, LEAST_SECONDS) / (many.count / few.count);
    const what = `${phase}: processor time of a volume, ${few.count} -> ${many.count} volumes: x ${growth.toFixed(2)}`;
    console.log(what);
    if (growth > MOST_GROWTH) faults.push(`${what}, more than ${MOST_GROWTH}: it grows faster than their number`);
  }
  return faults;
}
