import { LanternError } from '../../base/errors.ts';
import type { Writability } from '../store.ts';

/** The writes that a store in trouble accepts. `none`: its files could not be opened again. */
export type Remaining = 'deletions' | 'none';

/** The writability of a store whose last write failed. */
export class StoreTrouble implements Writability {
  readonly #listeners = new Set<() => void>();
  #state: { readonly since: number; readonly error: LanternError; readonly remaining: Remaining } | undefined;

  get refusingSince(): number | undefined {
    return this.#state?.since;
  }

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

  /** The error for a refused write, with the trouble's code. Only during trouble. */
  refusal(): LanternError {
    return new LanternError(this.#state?.error.code ?? 'internal', this.problem ?? 'write to the store');
  }

  /** Begins the trouble, or changes its reason; its start time stays. */
  begin(error: LanternError, remaining: Remaining, now: number): void {
    const isSame = this.#state?.remaining === remaining && this.#state.error.message === error.message;
    this.#state = { since: this.#state?.since ?? now, error, remaining };
    if (!isSame) this.#notify();
  }

  end(): void {
    if (this.#state === undefined) return;
    this.#state = undefined;
    this.#notify();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
