import type { StoredObject } from '../objects/object.ts';
import type { ObjectEvent } from './source.ts';

/** How much history is kept. The newest event is always kept. */
export type HistoryLimits = { readonly events: number; readonly bytes: number };

/**
 * The latest changes, in order, bounded in number and in bytes. Every watch reads it by a cursor of its own, so all
 * watches together hold no more than this.
 */
export class ChangeHistory {
  readonly #limits: HistoryLimits;
  /** Events at `#first` and later are kept; the slots before it are spent. */
  #events: (ObjectEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  #floor: number;
  #head: number;

  /** `revision`: that of the state before the first event. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#limits = limits;
    this.#floor = revision;
    this.#head = revision;
  }

  /** The newest revision. */
  get head(): number {
    return this.#head;
  }

  /** The oldest revision after which every change is still known. */
  get floor(): number {
    return this.#floor;
  }

  /** The event's revision must be higher than `head`. */
  append(event: ObjectEvent): void {
    this.#events.push(event);
    this.#head = event.revision;
    this.#bytes += sizeOf(event.object);
    while (this.#isOverLimit()) this.#dropOldest();
    // Moving the rest down once as many are spent as kept costs a constant per event.
    if (this.#first > 32 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The first event after `revision`, which must not be below `floor`; undefined when there is none yet. */
  after(revision: number): ObjectEvent | undefined {
    if (revision >= this.#head) return undefined;
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events[low];
  }

  #isOverLimit(): boolean {
    const kept = this.#events.length - this.#first;
    return kept > 1 && (kept > this.#limits.events || this.#bytes > this.#limits.bytes);
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    this.#events[this.#first] = undefined;
    this.#first += 1;
    this.#bytes -= sizeOf(oldest.object);
    this.#floor = oldest.revision;
  }
}

/** For everything besides values: names, labels, the event itself. */
const OVERHEAD_BYTES = 512;

/** Roughly the memory an object holds, in bytes. */
function sizeOf(object: StoredObject): number {
  let bytes = OVERHEAD_BYTES;
  for (const text of object.metadata.annotations.values()) bytes += text.length;
  for (const name of object.applied ?? []) bytes += name.length;
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') {
    for (const value of object.data.values()) bytes += value.length;
  }
  if (object.kind === 'ConfigMap') {
    for (const value of object.binaryData.values()) bytes += value.length;
  }
  return bytes;
}
