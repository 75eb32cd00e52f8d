import type { Clock } from '../base/clock.ts';
import type { Staleness } from '../sources/staleness.ts';
import { eventHead } from './announce-update.ts';
import type { LiveVolume } from './live-volume.ts';
import { staleSince } from './status.ts';
import type { VolumeEvents } from './volume-events.ts';

/** An election of etcd's, or a member that goes, is over sooner, and not worth an event for every volume. */
const PATIENCE_MS = 5_000;

type Parts = {
  readonly staleness: Staleness;
  readonly clock: Clock;
  readonly volumes: () => readonly LiveVolume[];
  readonly events: VolumeEvents;
};

/** Says of every volume with objects in it, once for each time, that they cannot be kept fresh at the moment, and when they can again. */
export class StalenessAnnouncer implements Disposable {
  readonly #parts: Parts;
  readonly #heard: Disposable;
  #timer: Disposable | undefined;
  /** Those it was said of, with since when. */
  #announced: ReadonlyMap<LiveVolume, number> = new Map();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#heard = parts.staleness.onTouch(() => this.#onTouch());
  }

  [Symbol.dispose](): void {
    this.#heard[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  #onTouch(): void {
    this.#timer?.[Symbol.dispose]();
    const { clock, staleness } = this.#parts;
    if (staleness.staleSince === undefined) this.#announceEnd();
    else this.#timer = clock.after(PATIENCE_MS, () => this.#announce());
  }

  #announce(): void {
    const { clock, staleness, volumes, events } = this.#parts;
    const announced = new Map<LiveVolume, number>();
    for (const volume of volumes()) {
      const since = staleSince(volume, staleness);
      if (since === undefined) continue;
      const message = `the contents stay as they are since ${new Date(since).toISOString()}: ${staleness.problem ?? 'the store is out of touch'}`;
      events.emit({ ...eventHead(volume, clock.now()), type: 'warning', reason: 'SourceStale', message });
      announced.set(volume, since);
    }
    this.#announced = announced;
  }

  #announceEnd(): void {
    const { clock, volumes, events } = this.#parts;
    const announced = this.#announced;
    this.#announced = new Map();
    if (announced.size === 0) return;
    for (const volume of volumes()) {
      const since = announced.get(volume);
      if (since === undefined) continue;
      const message = `its objects are followed again; the store was out of touch since ${new Date(since).toISOString()}`;
      events.emit({ ...eventHead(volume, clock.now()), type: 'recovered', message });
    }
  }
}
