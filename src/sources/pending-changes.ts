import { refKey, refOf, type StoredObject } from '../objects/object.ts';
import type { KeptObjects } from './kept-objects.ts';
import type { ObjectEvent } from './source.ts';

/** The state after the writes of one group that are decided but not yet durable. */
export class PendingChanges {
  readonly events: ObjectEvent[] = [];
  readonly #kept: KeptObjects;
  readonly #latest = new Map<string, StoredObject | undefined>();

  constructor(kept: KeptObjects) {
    this.#kept = kept;
  }

  get revision(): number {
    return this.events.at(-1)?.revision ?? this.#kept.revision;
  }

  get(key: string): StoredObject | undefined {
    return this.#latest.has(key) ? this.#latest.get(key) : this.#kept.peek(key);
  }

  add(event: ObjectEvent): void {
    this.events.push(event);
    this.#latest.set(refKey(refOf(event.object)), event.type === 'deleted' ? undefined : event.object);
  }
}
