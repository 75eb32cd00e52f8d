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

/** Says of every volume with objects in it, once for each time, that they cannot be kept fresh at the moment. */
export class StalenessAnnouncer implements Disposable {
  readonly #parts: Parts;
  readonly #heard: Disposable;
  #timer: Disposable | undefined;

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
    if (staleness.staleSince !== undefined) this.#timer = clock.after(PATIENCE_MS, () => this.#announce());
  }

  #announce(): void {
    const { clock, staleness, volumes, events } = this.#parts;
    for (const volume of volumes()) {
      const since = staleSince(volume, staleness);
      if (since === undefined) continue;
      const message = `the contents stay as they are since ${new Date(since).toISOString()}: ${staleness.problem ?? 'the store is out of touch'}`;
      events.emit({ ...eventHead(volume, clock.now()), type: 'warning', reason: 'SourceStale', message });
    }
  }
}
