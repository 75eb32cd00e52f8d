import { byteOrder, byteOrderAmong } from '../payload/payload.ts';

/** The part of a volume that decides if it is listed, and where. */
type Listed = { readonly name: string; readonly isMounted: boolean };

/** A place in the list. The volume may have another name by now. */
type Place<V> = { readonly name: string; readonly volume: V };

/** Beyond this part of the list, sorting it anew takes less time than moving single volumes. */
const MOVED_PART = 1 / 16;

/**
 * Mounted volumes in byte order of their names. A change is noted, and applied when somebody reads. A reading that
 * began before stays as it was.
 */
export class VolumeOrder<V extends Listed> {
  #places: readonly Place<V>[] = [];
  readonly #placeOf = new Map<V, Place<V>>();
  readonly #changed = new Set<V>();

  /** The volume began or ended to be mounted, or has another name. */
  changed(volume: V): void {
    if (volume.isMounted || this.#placeOf.has(volume)) this.#changed.add(volume);
    // Nobody may read for a long time.
    else this.#changed.delete(volume);
  }

  get all(): readonly V[] {
    return this.#current().map(({ volume }) => volume);
  }

  /** Those whose name is greater. */
  *after(name: string): Iterable<V> {
    const places = this.#current();
    for (let index = firstAfter(places, name); index < places.length; index += 1) {
      const place = places[index];
      if (place !== undefined) yield place.volume;
    }
  }

  #current(): readonly Place<V>[] {
    if (this.#changed.size > 0) {
      this.#places = this.#changed.size > this.#places.length * MOVED_PART ? this.#sorted() : this.#moved();
      this.#changed.clear();
    }
    return this.#places;
  }

  #sorted(): readonly Place<V>[] {
    for (const volume of this.#changed) this.#takePlace(volume);
    const places = [...this.#placeOf.values()];
    const order = byteOrderAmong(places.map(({ name }) => name));
    return places.sort((a, b) => order(a.name, b.name));
  }

  #moved(): readonly Place<V>[] {
    const places = [...this.#places];
    for (const volume of this.#changed) {
      const before = this.#placeOf.get(volume);
      if (before !== undefined) places.splice(places.lastIndexOf(before, firstAfter(places, before.name)), 1);
      const place = this.#takePlace(volume);
      if (place !== undefined) places.splice(firstAfter(places, place.name), 0, place);
    }
    return places;
  }

  /** Undefined for a volume that is not listed. */
  #takePlace(volume: V): Place<V> | undefined {
    this.#placeOf.delete(volume);
    if (!volume.isMounted) return undefined;
    const place = { name: volume.name, volume };
    this.#placeOf.set(volume, place);
    return place;
  }
}

/** By binary search. */
function firstAfter(places: readonly Place<unknown>[], name: string): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byteOrder(places[middle]?.name ?? '', name) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
