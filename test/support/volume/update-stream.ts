import { setTimeout as sleep } from 'node:timers/promises';
import type { Sighting } from './volume-watcher-child.ts';

export type UpdateStreamOptions = {
  readonly objects: number;
  /** Each object gets the versions 1 to this, in order. */
  readonly rounds: number;
  readonly perSecond: number;
  /** Writes a version of an object; resolves when that is acknowledged. It is called again when it rejects. */
  readonly write: (object: number, version: number) => Promise<unknown>;
  /** Rejects what is left. */
  readonly signal: AbortSignal;
};

/** One write that was acknowledged, at milliseconds since 1970 UTC. */
export type Acknowledged = { readonly object: number; readonly version: number; readonly at: number };

const WRITERS = 20;
const PAUSE_MS = 50;

/** Updates at a bounded rate, round after round over all objects; what is not acknowledged is written again. */
export class UpdateStream {
  readonly acknowledged: Acknowledged[] = [];
  /** How many attempts were not acknowledged. */
  failures = 0;
  /** Resolves when every write is acknowledged. */
  readonly finished: Promise<void>;
  readonly #options: UpdateStreamOptions;
  readonly #start = performance.now();
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(options: UpdateStreamOptions) {
    this.#options = options;
    const writers = Array.from({ length: WRITERS }, (_, writer) => this.#run(writer));
    this.finished = Promise.all(writers).then(() => {});
    // The first waiter for a part of it resumes here.
    this.finished.catch(() => {});
  }

  get total(): number {
    return this.#options.objects * this.#options.rounds;
  }

  /** The newest version of each object that was acknowledged. */
  versions(): ReadonlyMap<number, number> {
    return new Map(this.acknowledged.map(({ object, version }) => [object, version]));
  }

  /** Resolves when that part of all writes, 0 to 1, is acknowledged. */
  async reached(part: number): Promise<void> {
    const count = part * this.total;
    if (this.acknowledged.length >= count) return;
    const reached = new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    await Promise.race([reached, this.finished]);
  }

  /** The longest time without an acknowledgement within two moments, in milliseconds. */
  longestSilence(from: number, until: number): number {
    const times = this.acknowledged.map(({ at }) => at).filter((at) => at > from && at < until);
    const moments = [from, ...times, until];
    return Math.max(...moments.slice(1).map((at, index) => at - (moments[index] ?? at)));
  }

  async #run(writer: number): Promise<void> {
    const { objects, rounds } = this.#options;
    for (let round = 0; round < rounds; round++) {
      for (let object = writer; object < objects; object += WRITERS) {
        await this.#inTurn(round * objects + object);
        await this.#write(object, round + 1);
      }
    }
  }

  async #inTurn(index: number): Promise<void> {
    const { perSecond, signal } = this.#options;
    const wait = (index / perSecond) * 1_000 - (performance.now() - this.#start);
    if (wait > 0) await sleep(wait);
    signal.throwIfAborted();
  }

  async #write(object: number, version: number): Promise<void> {
    const { write, signal } = this.#options;
    for (let isWritten = false; !isWritten; ) {
      try {
        await write(object, version);
        isWritten = true;
      } catch (cause) {
        if (signal.aborted) throw new Error(`object ${object} could not be written in time`, { cause });
        this.failures += 1;
        await sleep(PAUSE_MS);
      }
    }
    this.acknowledged.push({ object, version, at: Date.now() });
    const isReached = ({ count }: { readonly count: number }) => this.acknowledged.length >= count;
    for (const { resolve } of this.#waiting.filter(isReached)) resolve();
    this.#waiting = this.#waiting.filter((one) => !isReached(one));
  }
}

/**
 * How long after its acknowledgement a write was not to be seen yet at some place that should show it; milliseconds.
 */
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
