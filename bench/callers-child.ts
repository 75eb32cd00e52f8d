// The callers, in a process of their own, so that their work is not measured as the server's.
import { Caller, EMPTY_CALL, type WireCall } from './caller.ts';
import type { CallersAnswer, CallersTask, Measured, Sequence } from './callers.ts';
import { answerTasks } from './child.ts';
import { inTurns, median, percentile, processorSeconds } from './measure.ts';

async function serial({ rounds, perRound, actions }: Extract<CallersTask, { do: 'serial' }>): Promise<CallersAnswer> {
  const spent = new Map<string, number[]>();
  const names = Object.keys(actions);
  const callers = new Map(names.map((name) => [name, new Caller(actions[name]?.socket ?? '')]));
  const turns = Object.entries(actions).map(([name, { pid, sequences }]) => {
    let turn = 0;
    const own: number[] = [];
    spent.set(name, own);
    const action = async () => {
      const before = processorSeconds(pid);
      for (let call = 0; call < perRound; call++) {
        await run(callers.get(name), sequences[turn++ % sequences.length]);
      }
      own.push(((processorSeconds(pid) - before) * 1e6) / perRound);
    };
    return [name, action] as const;
  });
  const times = await inTurns(rounds, 1, Object.fromEntries(turns));
  for (const caller of callers.values()) caller[Symbol.dispose]();
  const measured = names.map((name): [string, Measured] => {
    const processor = median((spent.get(name) ?? []).slice(rounds));
    return [name, { microseconds: (times[name] ?? 0) / perRound, processor, p50: 0, p99: 0 }];
  });
  return { measured: Object.fromEntries(measured), seconds: 0 };
}

/** Each caller repeats its own sequence. One more makes empty calls, one after the other. */
async function parallel(task: Extract<CallersTask, { do: 'parallel' }>): Promise<CallersAnswer> {
  const { rounds, milliseconds, actions } = task;
  const results = new Map<string, { times: number[]; spent: number[]; empty: number[] }>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, { socket, pid, sequences }] of Object.entries(actions)) {
      const result = results.get(name) ?? { times: [], spent: [], empty: [] };
      results.set(name, result);
      using caller = new Caller(socket);
      using other = new Caller(socket);
      const empty = new Probe(other);
      let count = 0;
      const before = processorSeconds(pid);
      const start = performance.now();
      await Promise.all(
        sequences.map(async (sequence) => {
          while (performance.now() - start < milliseconds) {
            await run(caller, sequence);
            count += 1;
          }
        }),
      );
      const took = performance.now() - start;
      const latencies = await empty.stop();
      if (round < 0) continue;
      result.times.push((took * 1000) / count);
      result.spent.push(((processorSeconds(pid) - before) * 1e6) / count);
      result.empty.push(...latencies);
    }
  }
  const measured = [...results].map(([name, { times, spent, empty }]): [string, Measured] => {
    const [p50, p99] = [percentile(empty, 0.5), percentile(empty, 0.99)];
    return [name, { microseconds: median(times), processor: median(spent), p50, p99 }];
  });
  return { measured: Object.fromEntries(measured), seconds: 0 };
}

/** Makes all calls once. */
async function once({ socket, callers, calls }: Extract<CallersTask, { do: 'once' }>): Promise<CallersAnswer> {
  using caller = new Caller(socket);
  await caller.call(EMPTY_CALL);
  const start = performance.now();
  let next = 0;
  const work = async () => {
    for (let call = calls[next++]; call !== undefined; call = calls[next++]) await caller.call(call);
  };
  await Promise.all(Array.from({ length: callers }, work));
  return { measured: {}, seconds: (performance.now() - start) / 1000 };
}

async function run(caller: Caller | undefined, sequence: Sequence | undefined): Promise<void> {
  for (const call of sequence ?? []) await caller?.call(call);
}

/** Empty calls, one after the other, until it is stopped. */
class Probe {
  readonly #latencies: number[] = [];
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(caller: Caller) {
    this.#ended = this.#run(caller, EMPTY_CALL);
  }

  /** The latencies in milliseconds. */
  async stop(): Promise<readonly number[]> {
    this.#isStopped = true;
    await this.#ended;
    return this.#latencies;
  }

  async #run(caller: Caller, call: WireCall): Promise<void> {
    // The first connects.
    await caller.call(call);
    while (!this.#isStopped) {
      const start = performance.now();
      await caller.call(call);
      this.#latencies.push(performance.now() - start);
    }
  }
}

let probe: { readonly caller: Caller; readonly probe: Probe } | undefined;

async function startProbe(socket: string): Promise<void> {
  const caller = new Caller(socket);
  await caller.call(EMPTY_CALL);
  probe = { caller, probe: new Probe(caller) };
}

async function stopProbe(): Promise<CallersAnswer> {
  const latencies = (await probe?.probe.stop()) ?? [];
  probe?.caller[Symbol.dispose]();
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return { measured: { empty: { microseconds: p50 * 1000, processor: 0, p50, p99 } }, seconds: 0 };
}

/** Streams of messages, which are counted. */
class Watch {
  readonly #caller: Caller;
  readonly #counts: number[];
  /** Undefined after the end of the watch, which ends the streams. */
  #fail: ((error: Error) => void) | undefined;
  #onMessage = () => {};

  constructor({ socket, watchers, call }: Extract<CallersTask, { do: 'watch' }>) {
    this.#caller = new Caller(socket);
    this.#counts = Array.from({ length: watchers }, () => 0);
    for (const index of this.#counts.keys()) {
      const count = countMessages(() => {
        this.#counts[index] = (this.#counts[index] ?? 0) + 1;
        this.#onMessage();
      });
      const ended = this.#caller.call(call, count).then(() => new Error('a watch ended'));
      ended.then(
        (error) => this.#fail?.(error),
        (error) => this.#fail?.(error),
      );
    }
  }

  /** Resolves when each stream has had so many. */
  reached(messages: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      let missing = this.#counts.reduce((sum, count) => sum + Math.max(0, messages - count), 0);
      this.#onMessage = () => {
        missing -= 1;
        if (missing === 0) resolve();
      };
      if (missing === 0) resolve();
    });
  }

  stop(): void {
    this.#fail = undefined;
    this.#caller[Symbol.dispose]();
  }
}

/** Reads gRPC's frames: a byte, four of length, the message. */
function countMessages(onMessage: () => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      rest = rest.subarray(5 + rest.readUInt32BE(1));
      onMessage();
    }
  };
}

let watch: Watch | undefined;

async function watched(messages: number): Promise<CallersAnswer> {
  const start = performance.now();
  await watch?.reached(messages);
  return { measured: {}, seconds: (performance.now() - start) / 1000 };
}

answerTasks(async (task: CallersTask) => {
  switch (task.do) {
    case 'serial':
      return await serial(task);
    case 'parallel':
      return await parallel(task);
    case 'once':
      return await once(task);
    case 'probe':
      return await startProbe(task.socket);
    case 'stop probe':
      return await stopProbe();
    case 'watch':
      watch = new Watch(task);
      return await watched(task.messages);
    case 'watched':
      return await watched(task.messages);
    case 'stop watching':
      return watch?.stop();
  }
});
