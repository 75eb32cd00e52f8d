import type { Wording } from '../objects/declared.ts';
import type { ObjectDraft, ObjectKind, ObjectRef, StoredObject } from '../objects/object.ts';

/**
 * Where objects are read and followed. `test/contract/store-contract.ts` tests every implementation. Revisions are
 * growing whole numbers, comparable only under the same `storeId`.
 */
export interface Source {
  /** Identifies one history of revisions: a store that starts over or is replaced has another id. */
  readonly storeId: string;
  /** Resolves once the initial read is done, so that absence is certain. Rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>;
  /** The newest known state; undefined if the object does not exist. `unavailable` if that is unknown. */
  get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined>;
  /**
   * Calls `listener` after every change, in revision order, until disposed. The call is synchronous, so the listener
   * must return at once. Following an object many times costs one watch.
   */
  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable;
  /**
   * The revision that `get` would return now for a followed object, by its `refKey`: null if it does not exist,
   * undefined if only `get` can tell. Reads memory alone.
   */
  revisionOf(key: string): number | null | undefined;
}

/** A change without its data: a listener that needs it reads the object. */
export type ObjectChange = {
  readonly ref: ObjectRef;
  readonly type: 'added' | 'modified' | 'deleted';
  readonly revision: number;
  /** When this process learnt of the change, on the monotonic clock, in milliseconds. */
  readonly observedAt: number;
};

/** A Source that can be written. Drafts are already admitted (`admitObject`). */
export interface Store extends Source {
  /**
   * Creates the object, or changes body, labels and annotations by `options.mode`, in the transaction that reads the
   * current object. Equal contents with an equal record change nothing, not even the revision. Errors: `aborted` if
   * `draft.metadata.resourceVersion` is outdated, `already-exists` with `createOnly`, `invalid-argument` if the stored
   * object forbids the change (immutable, type) or the merge is invalid.
   */
  apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied>;
  /** Returns the last state, undefined if there was none. `aborted` if `resourceVersion` is outdated. */
  delete(ref: ObjectRef, resourceVersion: string | undefined, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** In order of namespace, then name. A watch from the returned revision misses nothing. */
  list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList>;
  /**
   * Yields changes after revision `from` (default: from now on), in order, until the signal aborts, which is not an
   * error. `out-of-range` if `from` is too old or not of this store; `resource-exhausted` if the reader is too slow.
   */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncIterable<ObjectEvent>;
  /** Only for stores that can run out of room. */
  readonly writability?: Writability;
  /** Only for remote stores, like the two methods below. */
  readonly staleness?: Staleness;
  /** Resolves at the first contact with the server, even if the store is not filled. */
  connected?(signal: AbortSignal): Promise<void>;
  /** Runs `begin` on one of the daemons that share the store, once the store is ready, until disposed. */
  oneForAll?(name: string, begin: () => AsyncDisposable): AsyncDisposable;
}

export type ApplyOptions = {
  readonly createOnly: boolean;
  readonly dryRun: boolean;
  /** Default: `{ kind: 'update' }`. */
  readonly mode?: ApplyMode;
};

/** How an apply changes the current object and its record of names (`StoredObject.applied`). */
export type ApplyMode =
  /** Replaces the object. The record only loses removed names: a single change declares nothing. */
  | { readonly kind: 'update' }
  /** Replaces the object and records all of the draft's names, or `applied`, which a copy brings along. */
  | { readonly kind: 'replace'; readonly applied?: ReadonlySet<string> }
  /** See `mergedObject`. Records the draft's names. */
  | { readonly kind: 'merge'; readonly wording: Wording };

export type Applied = { readonly object: StoredObject; readonly outcome: 'created' | 'configured' | 'unchanged' };
export type ListFilter = { readonly kind: ObjectKind; readonly namespace?: string };
export type ObjectList = { readonly objects: readonly StoredObject[]; readonly revision: number };
export type WatchFilter = { readonly kind?: ObjectKind; readonly namespace?: string; readonly from?: number };
export type ObjectEvent = {
  readonly type: 'added' | 'modified' | 'deleted';
  /** The new state; the last one if `deleted`. */
  readonly object: StoredObject;
  readonly revision: number;
};

/** For stores that can run out of room. */
export interface Writability {
  /** When the store began to refuse writes, in milliseconds since 1970 UTC; undefined while it takes them. */
  readonly refusingSince: number | undefined;
  /** Why it refuses writes, and which ones it still takes; undefined while it takes all. */
  readonly problem: string | undefined;
  /** Calls `listener` at every change until disposed. */
  onChange(listener: () => void): Disposable;
}

/** The connection of a remote store to its server. */
export interface Staleness {
  /** Since when its answers from memory may be old: milliseconds since 1970 UTC; undefined while in touch. */
  readonly staleSince: number | undefined;
  /** How often its watches were set up again. */
  readonly watchRestarts: number;
  /** Why it is out of touch; undefined while in touch. */
  readonly problem: string | undefined;
  /** Calls `listener` when touch is lost or regained, until disposed. */
  onTouch(listener: () => void): Disposable;
}
