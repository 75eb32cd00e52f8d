import { Worker } from 'node:worker_threads';
import type { Clock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import { type ParseInput, type ParseOutput, type Parser, type ParseTask, parseNow } from './parse-tasks.ts';
import type { ThreadAnswer, ThreadRequest } from './parse-thread.ts';

/** Mebibytes, twice what the largest input takes. A thread that exceeds it ends; the process continues. */
const HEAP_MIB = 160;
/** Milliseconds. The largest input takes two seconds on a slow processor. */
const MAX_MS = 20_000;
/** How long an idle thread is kept, in milliseconds. Starting one costs about as much as parsing 100 KB. */
const IDLE_MS = 10_000;
/** Each waiting call holds its text in memory. */
const MAX_WAITING = 64;

type ThreadParserOptions = {
  /** The URL of the compiled `parse-thread.js`; called when a thread is first needed. */
  readonly script: () => URL;
  readonly clock: Clock;
  /** The thread's limit in mebibytes. */
  readonly heapMib?: number;
};

/**
 * Parses small inputs at once, and larger ones one after another in a thread, so that they do not block other work. The
 * thread starts on demand and ends when idle. Its memory is bounded; exceeding it costs one request.
 */
export class ThreadParser implements Parser, AsyncDisposable {
  readonly #options: ThreadParserOptions;
  readonly #turns = new KeyedLock();
  #waiting = 0;
  #thread: Worker | undefined;
  #idle: Disposable | undefined;

  constructor(options: ThreadParserOptions) {
    this.#options = options;
  }

  async run<Task extends ParseTask>(
    task: Task,
    input: ParseInput<Task>,
    signal: AbortSignal,
  ): Promise<ParseOutput<Task>> {
    // A small input cannot block the event loop for long. Counting stops at the limit.
    if (weightOf(input, SMALL_NODES) > 0) return parseNow(task, input);
    if (this.#waiting >= MAX_WAITING) {
      throw new LanternError('resource-exhausted', `parse a text: ${MAX_WAITING} large ones wait already; try again`);
    }
    this.#waiting++;
    try {
      return await this.#turns.run('', signal, () => this.#runInThread(task, input));
    } finally {
      this.#waiting--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #runInThread<Task extends ParseTask>(task: Task, input: ParseInput<Task>): Promise<ParseOutput<Task>> {
    this.#idle?.[Symbol.dispose]();
    this.#thread ??= this.#start();
    const thread = this.#thread;
    try {
      const answer = await this.#ask(thread, { task, input });
      if (!answer.ok) throw new LanternError('internal', 'parse a text: an unexpected error in the parser');
      // The thread returns the task's output.
      return answer.output as ParseOutput<Task>;
    } catch (error) {
      // The thread may be dead, or may answer late.
      await this.#end();
      throw error;
    } finally {
      this.#idle = this.#options.clock.after(IDLE_MS, () => void this.#end());
    }
  }

  #start(): Worker {
    const { script, heapMib = HEAP_MIB } = this.#options;
    const resourceLimits = { maxOldGenerationSizeMb: heapMib, maxYoungGenerationSizeMb: 16 };
    const thread = new Worker(script(), { resourceLimits, execArgv: [], env: {} });
    // The thread does not keep the process alive.
    thread.unref();
    // Errors of the thread after its answer are ignored.
    thread.on('error', () => {});
    return thread;
  }

  #ask(thread: Worker, request: ThreadRequest): Promise<ThreadAnswer> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        timer[Symbol.dispose]();
        thread.removeListener('message', onMessage);
        thread.removeListener('error', onError);
        thread.removeListener('exit', onExit);
        settle();
      };
      const onMessage = (answer: ThreadAnswer) => end(() => resolve(answer));
      const onError = (error: unknown) => end(() => reject(failureOf(error)));
      const onExit = () =>
        end(() => reject(new LanternError('unavailable', 'parse a text: the parser ended; try again')));
      const timer = this.#options.clock.after(MAX_MS, () => {
        end(() =>
          reject(
            new LanternError('resource-exhausted', `parse a text: it takes more than ${MAX_MS / 1000} s; split it`),
          ),
        );
      });
      thread.once('message', onMessage);
      thread.once('error', onError);
      thread.once('exit', onExit);
      thread.postMessage(request);
    });
  }

  async #end(): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }
}

function failureOf(error: unknown): LanternError {
  const isMemory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  if (isMemory)
    return new LanternError('resource-exhausted', 'parse a text: it takes more memory than a text may; split it');
  return new LanternError('internal', 'parse a text: the parser failed', { cause: error });
}

/** Inputs up to this size are parsed within about 20 ms, whatever they contain. */
const SMALL_BYTES = 16 * 1024;
const SMALL_NODES = 800;

/** Returns `room` less the value's nodes; 0 or less if there are more. */
function weightOf(value: unknown, room: number): number {
  if (typeof value === 'string') return room - (value.length > SMALL_BYTES ? room : nodesIn(value));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return room - 1;
  let left = room - 1;
  for (const entry of value instanceof Map ? value : Object.entries(value)) {
    left = weightOf(entry[1], left - 1);
    if (left <= 0) break;
  }
  return left;
}

/** In text, every node follows one of these signs or starts a line. */
function nodesIn(text: string): number {
  let nodes = 1;
  for (const _ of text.matchAll(/[[{,\n]|[-:?](?=\s)/g)) nodes++;
  return nodes;
}
