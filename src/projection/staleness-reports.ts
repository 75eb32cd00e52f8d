import type { Clock } from '../base/clock.ts';
import type { Staleness } from '../stores/store.ts';
import type { Volume } from './volume.ts';

/** An etcd election, or a member that goes away, is over sooner and not worth an event for every volume. */
const PATIENCE_MS = 5_000;

/** Emits an event for every volume with objects when the store is out of touch, and another when it is back. */
export class StalenessReports implements Disposable {
  readonly #staleness: Staleness;
  readonly #clock: Clock;
  readonly #volumes: () => readonly Volume[];
  readonly #subscription: Disposable;
  #timer: Disposable | undefined;
  /** The reported volumes, and since when they are stale (milliseconds since 1970 UTC). */
  #reported: ReadonlyMap<Volume, number> = new Map();

  constructor(staleness: Staleness, clock: Clock, volumes: () => readonly Volume[]) {
    this.#staleness = staleness;
    this.#clock = clock;
    this.#volumes = volumes;
    this.#subscription = staleness.onTouch(() => this.#onTouch());
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  #onTouch(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#staleness.staleSince === undefined) this.#reportEnd();
    else this.#timer = this.#clock.after(PATIENCE_MS, () => this.#report());
  }

  #report(): void {
    const reported = new Map<Volume, number>();
    for (const volume of this.#volumes()) {
      const since = volume.staleSince;
      if (since === undefined) continue;
      const message = `the contents stay as they are since ${new Date(since).toISOString()}: ${this.#staleness.problem ?? 'the store is out of touch'}`;
      volume.emit({ type: 'warning', reason: 'SourceStale', message });
      reported.set(volume, since);
    }
    this.#reported = reported;
  }

  #reportEnd(): void {
    const reported = this.#reported;
    this.#reported = new Map();
    if (reported.size === 0) return;
    for (const volume of this.#volumes()) {
      const since = reported.get(volume);
      if (since === undefined) continue;
      const message = `its objects are followed again; the store was out of touch since ${new Date(since).toISOString()}`;
      volume.emit({ type: 'recovered', message });
    }
  }
}
