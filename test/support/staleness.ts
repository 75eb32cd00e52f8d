import type { Acknowledged } from './update-stream.ts';
import type { Sighting } from './volume-watcher-child.ts';

/** How long after its acknowledgement a write was not to be seen yet at some place that should show it; milliseconds. */
export type Staleness = { readonly place: string; readonly at: number; readonly ms: number };

/** One for each write and each place that shows its object, which is `objectAt(place)`. Never is Infinity. */
export function stalenessOf(
  acknowledged: readonly Acknowledged[],
  sightings: readonly Sighting[],
  objectAt: (place: string) => number,
): readonly Staleness[] {
  const byObject = new Map<number, Map<string, Sighting[]>>();
  for (const sighting of sightings) {
    const [place] = sighting;
    const object = objectAt(place);
    const places = byObject.get(object) ?? new Map<string, Sighting[]>();
    byObject.set(object, places);
    const seen = places.get(place) ?? [];
    places.set(place, seen);
    seen.push(sighting);
  }
  return acknowledged.flatMap(({ object, version, at }) =>
    [...(byObject.get(object) ?? [])].map(([place, seen]) => {
      const shown = seen.find(([, found]) => found >= version)?.[2] ?? Number.POSITIVE_INFINITY;
      return { place, at, ms: Math.max(0, shown - at) };
    }),
  );
}

/** Of writes acknowledged in between: the longest, the 99th and the 50th percentile. */
export function summaryOf(all: readonly Staleness[], from = 0, until = Number.POSITIVE_INFINITY) {
  const sorted = all
    .filter(({ at }) => at >= from && at < until)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { writes: sorted.length, longest: sorted.at(-1) ?? 0, p99: at(0.99), p50: at(0.5) };
}
