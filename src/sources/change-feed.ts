import { LanternError } from '../base/errors.ts';
import { type ObjectRef, refOf } from '../objects/object.ts';
import { ChangeHistory, type HistoryLimits } from './change-history.ts';
import { Followers } from './followers.ts';
import type { ObjectChange, ObjectEvent, WatchFilter } from './source.ts';

/**
 * How a store tells of its changes: followers of one object are called at once, watches read the history at their own
 * pace. Shared by every store that sees all its changes in one process.
 */
export class ChangeFeed {
  readonly #history: ChangeHistory;
  readonly #followers = new Followers();
  readonly #waiting = new Set<() => void>();

  /** `revision`: the store's revision now. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#history = new ChangeHistory(revision, limits);
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.#history.head;
  }

  /** The event has happened. `observedAt`: monotonic milliseconds. */
  publish(event: ObjectEvent, observedAt: number): void {
    this.#history.append(event);
    for (const wake of [...this.#waiting]) wake();
    this.#followers.dispatch({ ref: refOf(event.object), type: event.type, revision: event.revision, observedAt });
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#followers.follow(ref, listener);
  }

  /** See `Store.watch`. The start is fixed by the call, not by the first step of the iteration. */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    return this.#stream(filter, filter.from ?? this.#history.head, signal);
  }

  async *#stream(filter: WatchFilter, from: number, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    this.#requireKnown(from);
    let seen = from;
    while (!signal.aborted) {
      if (seen < this.#history.floor) throw slowReader();
      const event = this.#history.after(seen);
      if (event === undefined) {
        await this.#change(signal);
        continue;
      }
      seen = event.revision;
      if (matches(filter, event)) yield event;
    }
  }

  #requireKnown(from: number): void {
    const { floor, head } = this.#history;
    if (from >= floor && from <= head) return;
    const why = from < floor ? `it is compacted (the oldest kept is ${floor})` : `this store is at ${head}`;
    throw new LanternError(
      'out-of-range',
      `watch objects from revision ${from}: ${why}; list again and watch from there`,
    );
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function matches(filter: WatchFilter, { object }: ObjectEvent): boolean {
  return (
    (filter.kind === undefined || filter.kind === object.kind) &&
    (filter.namespace === undefined || filter.namespace === object.metadata.namespace)
  );
}

function slowReader(): LanternError {
  return new LanternError(
    'resource-exhausted',
    'watch objects: the reader fell behind the history that is kept; read faster, or list again and watch from there',
  );
}
