import { EventEmitter, on } from 'node:events';
import type { LanternClient } from '../../rpc/client.ts';
import type { KindName } from '../kinds.ts';
import { followObjects } from './watch-objects.ts';

/** Tells when objects of one kind and namespace may have changed, with one watch however many of them matter. */
export class ObjectChanges {
  readonly #follow: (signal: AbortSignal) => ReturnType<typeof followObjects>;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #readers = 0;
  #watch: AbortController | undefined;

  /** Waits for a daemon that restarts, and calls `onAway` then. */
  constructor(daemon: LanternClient, { kind, namespace }: { kind: KindName; namespace: string }, onAway: () => void) {
    // The whole kind is followed: one object cannot be before it exists.
    const query = { kind, namespace, name: undefined, withData: false };
    this.#follow = (signal) => followObjects(daemon, query, signal, onAway);
  }

  /** Yields at once, and whenever the object may have changed since the last time. Errors as `followObjects`. */
  async *of(name: string, signal: AbortSignal): AsyncGenerator<void, void> {
    this.#readers += 1;
    const changes = on(this.#changes, eventOf(name), { signal });
    try {
      // Often one look is enough, and then nobody has to list the kind.
      yield;
      this.#begin();
      for await (const _ of changes) yield;
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) this.#end();
    }
  }

  #begin(): void {
    if (this.#watch !== undefined) return;
    const watch = new AbortController();
    this.#watch = watch;
    this.#read(watch.signal).catch((error: unknown) => {
      if (!watch.signal.aborted) this.#changes.emit(FAILURE, error);
    });
  }

  async #read(signal: AbortSignal): Promise<void> {
    let isFirst = true;
    for await (const objects of this.#follow(signal)) {
      const changed = objects.map(({ metadata }) => eventOf(metadata?.name ?? ''));
      // Nothing tells of the changes before the list was read.
      const events = isFirst ? this.#changes.eventNames().filter((event) => event !== FAILURE) : changed;
      isFirst = false;
      for (const event of events) this.#changes.emit(event);
    }
  }

  /** A watch of which nobody reads the next event ends in no other way. */
  #end(): void {
    this.#watch?.abort();
    this.#watch = undefined;
  }
}

/** An emitter's own name for it. */
const FAILURE = 'error';

/** An object may have any name. */
function eventOf(name: string): string {
  return `object ${name}`;
}
