import { BoundedQueue } from './bounded-queue.ts';

/** Hands every item to every reader of the moment; nobody waits for a reader. */
export class Broadcast<T> {
  readonly #what: string;
  readonly #limit: number;
  readonly #readers = new Set<(item: T) => void>();

  /** `what` names the stream in errors, e.g. `watch volumes`; a reader may fall `limit` items behind. */
  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  send(item: T): void {
    for (const reader of this.#readers) reader(item);
  }

  /**
   * `first`, then items from now on, those that `isMeant` says, until the signal aborts or the reader stops.
   * `resource-exhausted` when the reader is too slow. Reading starts at the call, not at the first step of the iteration.
   */
  read(first: readonly T[], isMeant: (item: T) => boolean, signal: AbortSignal): AsyncIterable<T> {
    const queue = new BoundedQueue<T>(this.#what, this.#limit + first.length, signal);
    const reader = (item: T): void => {
      if (isMeant(item)) queue.push(item);
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
