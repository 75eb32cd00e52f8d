import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { Applied, ApplyOptions } from '../store.ts';
import { DEFAULT_HISTORY, KeptStore } from './kept-store.ts';
import { applicationOf, requireVersion } from './next-state.ts';

type MemoryStoreOptions = {
  readonly clock?: Clock;
  /** False for a store that is filled first: absence is unknown until `markReady()`. Default: true. */
  readonly ready?: boolean;
  /** How far a watch can go back, in changes and bytes. Default: `DEFAULT_HISTORY`. */
  readonly historyEvents?: number;
  readonly historyBytes?: number;
};

/**
 * Objects in memory, for one machine whose objects come from manifests or calls, and for tests.
 *
 * Revisions start at the clock's milliseconds, above those of an earlier process, so that a watch resumed across a
 * restart must list again instead of missing changes.
 */
export class MemoryStore extends KeptStore {
  readonly storeId = randomUUID();
  readonly #clock: Clock;

  constructor({ clock = systemClock, ready = true, historyEvents, historyBytes }: MemoryStoreOptions = {}) {
    super(new Map(), Math.floor(clock.now()), {
      events: historyEvents ?? DEFAULT_HISTORY.events,
      bytes: historyBytes ?? DEFAULT_HISTORY.bytes,
    });
    this.#clock = clock;
    if (ready) this.markReady();
  }

  async apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    signal.throwIfAborted();
    const current = this.peek(refKey(refOf(draft)));
    const moment = { revision: this.revision + 1, now: this.#clock.now() };
    const { applied, event } = applicationOf(current, draft, options, moment);
    if (event !== undefined) this.publish(event, this.#clock.monotonic());
    return applied;
  }

  async delete(
    ref: ObjectRef,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const object = this.peek(refKey(ref));
    requireVersion('delete', ref, object, resourceVersion);
    if (object === undefined) return undefined;
    this.publish({ type: 'deleted', object, revision: this.revision + 1 }, this.#clock.monotonic());
    return object;
  }
}
