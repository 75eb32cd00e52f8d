import type { Clock } from '../../base/clock.ts';
import { toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { describeRef, refOf } from '../../objects/object.ts';
import type { Store } from '../store.ts';
import type { ManifestObject } from './manifest-set.ts';

/** Editors replace a file by renaming another, so absence counts only after this long, in milliseconds. */
const GRACE_MS = 1_000;
/** Retry delay for temporary errors of the store, in milliseconds. */
const RETRY_MS = 1_000;

type Reconciled = {
  readonly problems: readonly string[];
  /** When to reconcile again without a change; undefined if there is no need. */
  readonly againInMs: number | undefined;
};

/** Brings a store in step with manifests, and remembers the manifests' own objects. */
export class ManifestReconciler {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #applied = new Map<string, ManifestObject>();
  /** When an applied object was first missing from all manifests, on the monotonic clock. */
  readonly #missing = new Map<string, number>();

  constructor(options: { readonly store: Store; readonly clock: Clock; readonly log: Log }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Applies new objects; deletes applied ones that have been missing for a second. Rejects only on abort. */
  async reconcile(objects: ReadonlyMap<string, ManifestObject>, signal: AbortSignal): Promise<Reconciled> {
    const problems: string[] = [];
    const waits: number[] = [];
    const attempt = async (object: ManifestObject, action: () => Promise<void>): Promise<void> => {
      try {
        await action();
      } catch (error) {
        signal.throwIfAborted();
        const { code, message } = toLanternError(error, 'write to the store');
        problems.push(`manifest "${object.file}": ${describeRef(refOf(object.draft))}: ${message}`);
        // The store refuses an invalid object again until its file changes.
        if (code !== 'invalid-argument') waits.push(RETRY_MS);
      }
    };
    for (const [key, object] of objects) {
      this.#missing.delete(key);
      if (this.#applied.get(key)?.draft === object.draft) continue;
      await attempt(object, () => this.#apply(key, object, signal));
    }
    for (const [key, object] of this.#applied) {
      if (objects.has(key)) continue;
      const wait = this.#graceLeft(key);
      if (wait > 0) waits.push(wait);
      else await attempt(object, () => this.#delete(key, object, signal));
    }
    return { problems, againInMs: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  async #apply(key: string, object: ManifestObject, signal: AbortSignal): Promise<void> {
    const options = { createOnly: false, dryRun: false, mode: { kind: 'replace' } } as const;
    const { outcome } = await this.#store.apply(object.draft, options, signal);
    this.#applied.set(key, object);
    this.#note(object, outcome);
  }

  async #delete(key: string, object: ManifestObject, signal: AbortSignal): Promise<void> {
    await this.#store.delete(refOf(object.draft), undefined, signal);
    this.#applied.delete(key);
    this.#missing.delete(key);
    this.#note(object, 'deleted');
  }

  /** Milliseconds until the absence counts. */
  #graceLeft(key: string): number {
    const now = this.#clock.monotonic();
    const since = this.#missing.get(key) ?? now;
    this.#missing.set(key, since);
    return since + GRACE_MS - now;
  }

  #note({ draft, file }: ManifestObject, outcome: string): void {
    this.#log.info({ object: describeRef(refOf(draft)), file, outcome }, 'manifest');
  }
}
