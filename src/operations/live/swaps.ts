import { OldestKeys } from '../../base/oldest-keys.ts';
import type { VolumeEvent } from '../../projection/events/event-log.ts';

/** Swaps of a volume. */
const KEPT = 32;
/** The one that was swapped least recently makes room. */
const MAX_VOLUMES = 16_384;

/** When the contents of volumes were swapped, in milliseconds since 1970 UTC; only the latest of each are kept. */
export class Swaps {
  /** 4 MiB for all of them, used as volumes come. Arrays of their own would take ten times as much. */
  readonly #times = new Float64Array(MAX_VOLUMES * KEPT);
  /** Where a volume's times begin. */
  readonly #places = new Map<string, number>();
  readonly #oldest = new OldestKeys(this.#places);

  hear({ type, volumeId, time }: Pick<VolumeEvent, 'type' | 'volumeId' | 'time'>): void {
    if (type !== 'updated') return;
    const place = this.#places.get(volumeId) ?? this.#newPlace();
    this.#places.delete(volumeId);
    this.#places.set(volumeId, place);
    const times = this.#at(place);
    times.copyWithin(0, 1);
    times[KEPT - 1] = time;
  }

  /** Oldest first. */
  of(volumeId: string): readonly number[] {
    const place = this.#places.get(volumeId);
    return place === undefined ? [] : [...this.#at(place)].filter((time) => time > 0);
  }

  #newPlace(): number {
    const { size } = this.#places;
    const oldest = size < MAX_VOLUMES ? undefined : this.#oldest.next();
    const place = oldest === undefined ? undefined : this.#places.get(oldest);
    if (oldest === undefined || place === undefined) return size * KEPT;
    this.#places.delete(oldest);
    this.#at(place).fill(0);
    return place;
  }

  #at(place: number): Float64Array {
    return this.#times.subarray(place, place + KEPT);
  }
}
