import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { LanternError } from '../base/errors.ts';
import { describeRef, type ObjectRef, type StoredObject } from '../objects/object.ts';
import type { ObjectChange, Source } from './source.ts';

/** How long one read may take, in milliseconds. */
export const READ_DEADLINE_MS = 30_000;

/** A source of which no read hangs: one without an answer after 30 seconds is `unavailable`. */
export class BoundedSource implements Source {
  readonly #source: Source;
  readonly #clock: Clock;

  constructor(source: Source, { clock }: { readonly clock: Clock }) {
    this.#source = source;
    this.#clock = clock;
  }

  get storeId(): string {
    return this.#source.storeId;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#source.ready(signal);
  }

  get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    const late = () =>
      new LanternError(
        'unavailable',
        `read ${describeRef(ref)}: the store did not answer within ${READ_DEADLINE_MS / 1000} s; see that it is reachable`,
      );
    const limit = { clock: this.#clock, ms: READ_DEADLINE_MS, late };
    return withDeadline(limit, signal, (bounded) => this.#source.get(ref, bounded));
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#source.follow(ref, listener);
  }
}
