import type { Clock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import type { EventDraft, EventRecorder } from '../objects/event.ts';

/** An event as it is kept: what happened, how often, and when. */
export type RecordedEvent = EventDraft & {
  /** Stays the same while the event is counted on. */
  readonly id: string;
  readonly count: number;
  /** Milliseconds since 1970 UTC. */
  readonly firstTime: number;
  readonly lastTime: number;
};

/** Which events are meant; all where nothing is said. */
export type EventFilter = { readonly namespace?: string; readonly kind?: string; readonly name?: string };

/** The events of this node, for a while: counted on where they repeat, bounded in number and age. */
export class EventLog implements EventRecorder {
  readonly #clock: Clock;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  record(_event: EventDraft): void {
    this.#clock.now();
  }

  /** Oldest first. */
  list(_filter: EventFilter): readonly RecordedEvent[] {
    return [];
  }

  /** Events from now on, until the signal aborts; `resource-exhausted` when the reader is too slow. */
  watch(_filter: EventFilter, _includeExisting: boolean, _signal: AbortSignal): AsyncIterable<RecordedEvent> {
    throw new LanternError('unimplemented', 'watch events');
  }
}
