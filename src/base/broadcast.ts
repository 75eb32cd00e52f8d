import { LanternError } from './errors.ts';

/** Sends every item to all present readers, without waiting for them. */
export class Broadcast<T> {
  readonly #what: string;
  readonly #limit: number;
  readonly #readers = new Set<(item: T) => void>();

  /** `what` names the stream in errors, as in `watch volumes`. A reader may fall `limit` items behind. */
  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  send(item: T): void {
    for (const reader of this.#readers) reader(item);
  }

  /** The matching items of `first`, then those sent after this call. `resource-exhausted` if the reader is too slow. */
  read(first: readonly T[], matches: (item: T) => boolean, signal: AbortSignal): AsyncIterable<T> {
    const queue = new BoundedQueue<T>(this.#what, this.#limit + first.length, signal);
    const reader = (item: T): void => {
      if (matches(item)) queue.push(item);
    };
    for (const item of first) reader(item);
    this.#readers.add(reader);
    const stop = () => {
      this.#readers.delete(reader);
      signal.removeEventListener('abort', stop);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return readUntilDone(queue, stop);
  }
}

async function* readUntilDone<T>(items: AsyncIterable<T>, onDone: () => void): AsyncGenerator<T, void> {
  try {
    yield* items;
  } finally {
    onDone();
  }
}

/**
 * Passes items from a producer that must not wait to a reader that may be slow. Beyond `limit` items the reader's next
 * step fails with `resource-exhausted`, so no item is lost silently. An abort ends the iteration without an error.
 */
export class BoundedQueue<T> implements AsyncIterable<T>, Disposable {
  readonly #limit: number;
  readonly #what: string;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#wake();
  #items: T[] = [];
  #failure: LanternError | undefined;
  #wake: () => void = () => {};

  constructor(what: string, limit: number, signal: AbortSignal) {
    this.#what = what;
    this.#limit = limit;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  push(item: T): void {
    if (this.#failure !== undefined) return;
    if (this.#items.length >= this.#limit) {
      const problem = `the reader fell ${this.#limit} events behind; read faster, or list again and watch from there`;
      this.fail(new LanternError('resource-exhausted', `${this.#what}: ${problem}`));
      return;
    }
    this.#items.push(item);
    this.#wake();
  }

  /** Ends the stream with an error; queued items are dropped. */
  fail(error: LanternError): void {
    this.#failure = error;
    this.#items = [];
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      while (!this.#signal.aborted) {
        if (this.#failure !== undefined) throw this.#failure;
        const batch = this.#items;
        if (batch.length === 0) await this.#changed();
        this.#items = [];
        for (const item of batch) {
          if (this.#signal.aborted) return;
          yield item;
        }
      }
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
