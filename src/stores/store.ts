import type { Wording } from '../objects/declared.ts';
import type { ObjectDraft, ObjectKind, ObjectRef, StoredObject } from '../objects/object.ts';

/**
 * Where objects are read and followed. Every implementation passes `test/contract/store-contract.ts`.
 *
 * Revisions are whole numbers that only grow; they compare only between answers with the same `storeId`.
 */
export interface Source {
  /** Identifies one history of revisions: a store that starts over, or is replaced by another, has another id. */
  readonly storeId: string;
  /** Resolves once absence means absence: the initial read is done. Rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>;
  /** The newest known state; undefined if the object does not exist. `unavailable` if that is not known. */
  get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined>;
  /**
   * Calls `listener` after every change of the object, in revision order, until disposed. It is called synchronously
   * from the store's own dispatch: take note and return. Following the same object many times costs one watch.
   */
  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable;
}

/** One change, without its data: a listener that needs it reads the object. */
export type ObjectChange = {
  readonly ref: ObjectRef;
  readonly type: 'added' | 'modified' | 'deleted';
  readonly revision: number;
  /** When this process learnt of it, on the monotonic clock, in milliseconds. */
  readonly observedAt: number;
};

/** A Source that can also be written. Drafts are already admitted (`admitObject`). */
export interface Store extends Source {
  /**
   * Creates the object, or changes its body, labels and annotations as `options.mode` says, in the transaction that
   * reads the current object. Equal contents with an equal record change nothing, not even the revision. Errors:
   * `aborted` if `draft.metadata.resourceVersion` is not the current one, `already-exists` with `createOnly`,
   * `invalid-argument` if the stored object forbids the change (immutable, type) or the result of a merge is not valid.
   */
  apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied>;
  /**
   * The last state; undefined when there was none. `aborted` when `resourceVersion` is given and not the current one.
   */
  delete(ref: ObjectRef, resourceVersion: string | undefined, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** In order of namespace, then name. The revision is where a watch may start so that nothing is missed. */
  list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList>;
  /**
   * Changes after revision `from` (from now on where undefined), in order, until the signal aborts, which ends the
   * iteration without an error. `out-of-range` when `from` is older than the history kept, or is not of this store;
   * `resource-exhausted` when the reader is too slow for the bounded buffer.
   */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncIterable<ObjectEvent>;
  /** Only of a store that can run out of room. */
  readonly writability?: Writability;
  /** Only of a remote store, as are the two below. */
  readonly staleness?: Staleness;
  /** Resolves at the first contact with the server, whether or not the store has been filled. */
  connected?(signal: AbortSignal): Promise<void>;
  /** Runs `begin` on one of the daemons that share the store, once the store is ready, until disposed. */
  oneForAll?(name: string, begin: () => AsyncDisposable): AsyncDisposable;
}

export type ApplyOptions = {
  readonly createOnly: boolean;
  readonly dryRun: boolean;
  /** `{ kind: 'update' }` where left out. */
  readonly mode?: ApplyMode;
};

/** How an apply changes the current object, and the record of names beside it (`StoredObject.applied`). */
export type ApplyMode =
  /**
   * Replaced. The record loses the names that are gone, and gains none: for a single change, which declares nothing.
   */
  | { readonly kind: 'update' }
  /** Replaced, and everything of the draft recorded; or `applied` of it, which a copy brings with it. */
  | { readonly kind: 'replace'; readonly applied?: ReadonlySet<string> }
  /** See `mergedObject`; the record is what the draft says. */
  | { readonly kind: 'merge'; readonly wording: Wording };

export type Applied = { readonly object: StoredObject; readonly outcome: 'created' | 'configured' | 'unchanged' };
export type ListFilter = { readonly kind: ObjectKind; readonly namespace?: string };
export type ObjectList = { readonly objects: readonly StoredObject[]; readonly revision: number };
export type WatchFilter = { readonly kind?: ObjectKind; readonly namespace?: string; readonly from?: number };
export type ObjectEvent = {
  readonly type: 'added' | 'modified' | 'deleted';
  /** The new state; for `deleted` the last one. */
  readonly object: StoredObject;
  readonly revision: number;
};

/** Whether a store takes every write, for stores that can run out of room. */
export interface Writability {
  /** When it began to refuse writes: milliseconds since 1970 UTC. Undefined while it takes them. */
  readonly refusingSince: number | undefined;
  /** Why it refuses writes, and what it still does; undefined while it takes them. */
  readonly problem: string | undefined;
  /** Calls `listener` whenever that changes, until disposed. */
  onChange(listener: () => void): Disposable;
}

/** Whether a store is in touch with the server that holds its objects, for stores that are remote. */
export interface Staleness {
  /** Since when its answers from memory may be old: milliseconds since 1970 UTC. Undefined while it is in touch. */
  readonly staleSince: number | undefined;
  /** How often its watches had to be set up again. */
  readonly watchRestarts: number;
  /** Why it is out of touch; undefined while it is in touch. */
  readonly problem: string | undefined;
  /** Calls `listener` whenever it loses touch or regains it, until disposed. */
  onTouch(listener: () => void): Disposable;
}
