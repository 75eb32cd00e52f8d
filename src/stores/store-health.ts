import { LanternError } from '../base/errors.ts';

/** Whether a store takes every write. Beside `Store`, for those that can run out of room. */
export interface Writability {
  /** Since when it does not: milliseconds since 1970 UTC. Undefined while it does. */
  readonly refusingSince: number | undefined;
  /** Why it does not, and what it still does; undefined while it does. */
  readonly problem: string | undefined;
  /** Calls `listener` whenever that changes, until disposed. */
  onChange(listener: () => void): Disposable;
}

/** `deletions`: the files are open, but there is no room for more. `none`: they could not be opened again. */
export type Remaining = 'deletions' | 'none';

/** What a store that could not write says of itself. */
export class StoreTrouble implements Writability {
  readonly #listeners = new Set<() => void>();
  #state: { readonly since: number; readonly error: LanternError; readonly remaining: Remaining } | undefined;

  get refusingSince(): number | undefined {
    return this.#state?.since;
  }

  /** What stands in the way. */
  get error(): LanternError | undefined {
    return this.#state?.error;
  }

  get remaining(): Remaining | undefined {
    return this.#state?.remaining;
  }

  get problem(): string | undefined {
    if (this.#state === undefined) return undefined;
    const { error, remaining } = this.#state;
    const still = remaining === 'deletions' ? 'objects can be read and deleted' : 'objects can be read';
    return `${error.message}; until then ${still}, and nothing is lost`;
  }

  /** What a write is refused with; of the kind that stands in the way. Only while there is trouble. */
  refusal(): LanternError {
    return new LanternError(this.#state?.error.code ?? 'internal', this.problem ?? 'write to the store');
  }

  /** It begins, or goes on with another reason; since when stays. */
  begin(error: LanternError, remaining: Remaining, now: number): void {
    const isSame = this.#state?.remaining === remaining && this.#state.error.message === error.message;
    this.#state = { since: this.#state?.since ?? now, error, remaining };
    if (!isSame) this.#tell();
  }

  end(): void {
    if (this.#state === undefined) return;
    this.#state = undefined;
    this.#tell();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What a source says of being in touch with where its objects come from. Beside `Source`, for sources that are remote. */
export interface Staleness {
  /** Since when what it answers from memory may be old: milliseconds since 1970 UTC. Undefined while it is in touch. */
  readonly staleSince: number | undefined;
  /** How often its watches had to be set up again. */
  readonly watchRestarts: number;
  /** Why it is out of touch; undefined while it is not. */
  readonly problem: string | undefined;
  /** Calls `listener` whenever it goes out of touch or comes back, until disposed. */
  onTouch(listener: () => void): Disposable;
}
