import { Broadcast } from '../../base/broadcast.ts';

/** Which volume an event is about, and when it happened: milliseconds since 1970 UTC. */
export type EventHead = {
  readonly volumeId: string;
  readonly namespace: string;
  /** The workload, as far as the request said. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly time: number;
};

/**
 * - `object`: the store told of a change.
 * - `request`: a mount or an update asked for other contents.
 * - `refresh`: a look that neither of them asked for found a change, or renewed a token.
 */
export type UpdateCause = 'object' | 'request' | 'refresh';

/** What happens to a volume. `reason` is one word, as in an event of Kubernetes. */
export type VolumeEvent = EventHead &
  (
    | { readonly type: 'mounted' | 'unmounted'; readonly target: string }
    | {
        readonly type: 'updated';
        readonly oldGeneration: string | undefined;
        readonly newGeneration: string;
        readonly changedPaths: readonly string[];
        readonly cause: UpdateCause;
        /** From the moment the store told of the change to the swap, in milliseconds; undefined for other causes. */
        readonly propagationMs: number | undefined;
      }
    /** What was told as failed, or as a warning, is over. */
    | { readonly type: 'recovered'; readonly message: string }
    | { readonly type: 'update-skipped'; readonly target: string; readonly message: string }
    | { readonly type: 'failed' | 'warning'; readonly reason: string; readonly message: string }
  );

/** How many events a reader may fall behind. */
const READER_LIMIT = 4096;

/** Hands every event to every reader of the moment; nobody waits for a reader. */
export class VolumeEvents {
  readonly #first: (event: VolumeEvent) => void;
  readonly #broadcast = new Broadcast<VolumeEvent>('watch volumes', READER_LIMIT);

  /** `first` hears of every event before the readers do. */
  constructor(first: (event: VolumeEvent) => void = () => {}) {
    this.#first = first;
  }

  emit(event: VolumeEvent): void {
    this.#first(event);
    this.#broadcast.send(event);
  }

  /** `first`, then events from now on, of one volume or all; ends and errors as `Broadcast.read` has them. */
  read(volumeId: string | undefined, first: readonly VolumeEvent[], signal: AbortSignal): AsyncIterable<VolumeEvent> {
    return this.#broadcast.read(first, (event) => volumeId === undefined || event.volumeId === volumeId, signal);
  }
}
