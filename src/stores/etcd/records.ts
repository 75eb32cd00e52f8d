import type { IKeyValue, IRangeRequest, IRequestOp } from 'etcd3';
import { LanternError } from '../../base/errors.ts';
import {
  describeRef,
  type ObjectKind,
  type ObjectRef,
  parseRefKey,
  refKey,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
import { decodeObject, encodeObject } from '../kept/object-codec.ts';
import { seal, unseal } from '../sealed/envelope.ts';
import type { KeyRing } from '../sealed/key-file.ts';
import { type EtcdClient, rangeBelow, replaceIfUnchanged } from './client.ts';
import type { EtcdHistory } from './history.ts';

/** etcd's default for `--max-request-bytes`, and the request's size besides the value. */
const MAX_REQUEST_BYTES = 1_572_864;
const REQUEST_OVERHEAD_BYTES = 2_048;
/** etcd's default for `--max-txn-ops` is 128. */
const MAX_OPERATIONS = 100;
/** This many of the largest objects take 24 MiB, less than `MAX_RECEIVED_BYTES`. */
export const MAX_READ_AT_ONCE = 16;

export type EtcdState = {
  /** The store's revision; this is the state after it. */
  readonly revision: number;
  /** The revision of the key's last change; 0 if it does not exist. */
  readonly changedAt: number;
  readonly object: StoredObject | undefined;
  /** Why an existing object cannot be read. */
  readonly problem: LanternError | undefined;
};

/** The objects in etcd, each at `PREFIX/objects/Kind/namespace/name`, sealed and bound to that key. */
export class EtcdRecords {
  readonly client: EtcdClient;
  readonly history: EtcdHistory;
  readonly #keys: KeyRing;
  readonly #prefix: string;

  constructor(parts: {
    readonly client: EtcdClient;
    readonly history: EtcdHistory;
    readonly keys: KeyRing;
    readonly prefix: string;
  }) {
    this.client = parts.client;
    this.history = parts.history;
    this.#keys = parts.keys;
    this.#prefix = `${parts.prefix}/objects/`;
  }

  keyOf(ref: ObjectRef): Buffer {
    return Buffer.from(`${this.#prefix}${refKey(ref)}`);
  }

  /** etcd's range for all objects of a kind, of a kind and namespace, or of the store. */
  rangeOf(filter: { readonly kind?: ObjectKind; readonly namespace?: string }): { key: Buffer; range_end: Buffer } {
    const { kind, namespace } = filter;
    let key = this.#prefix;
    if (kind !== undefined) key += namespace === undefined ? `${kind}/` : `${kind}/${namespace}/`;
    return rangeBelow(key);
  }

  refOf(key: Uint8Array): ObjectRef {
    return parseRefKey(Buffer.from(key).toString().slice(this.#prefix.length));
  }

  /** The newest state. `unavailable`, `permission-denied`; a value that cannot be decrypted is a `problem`. */
  async read(ref: ObjectRef, signal: AbortSignal): Promise<EtcdState> {
    const what = `read ${describeRef(ref)}`;
    const mark = this.history.mark();
    const { header, kvs } = await this.client.range({ key: this.keyOf(ref) }, what, signal);
    if (!this.history.answer(header, mark)) throw changedHistory(what);
    return this.stateOf(ref, kvs[0], Number(header.revision));
  }

  async head(what: string, signal: AbortSignal): Promise<number> {
    const mark = this.history.mark();
    const { key } = this.rangeOf({});
    const { header } = await this.client.range({ key, count_only: true }, what, signal);
    if (!this.history.answer(header, mark)) throw changedHistory(what);
    return Number(header.revision);
  }

  /** The newest states, in order, at one revision; at most `MAX_READ_AT_ONCE`. Errors as `read`. */
  async readAll(refs: readonly ObjectRef[], what: string, signal: AbortSignal): Promise<readonly EtcdState[]> {
    const { revision, found } = await this.#look(refs, {}, what, signal);
    return refs.map((ref, index) => this.stateOf(ref, found[index], revision));
  }

  /** The last change of each object, in order, without reading values. */
  async changes(
    refs: readonly ObjectRef[],
    signal: AbortSignal,
  ): Promise<readonly Pick<EtcdState, 'revision' | 'changedAt'>[]> {
    const changes = [];
    for (let from = 0; from < refs.length; from += MAX_OPERATIONS) {
      const some = refs.slice(from, from + MAX_OPERATIONS);
      const { revision, found } = await this.#look(some, { keys_only: true }, 'compare objects with etcd', signal);
      changes.push(...found.map((kept) => ({ revision, changedAt: Number(kept?.mod_revision ?? 0) })));
    }
    return changes;
  }

  /** The sealed object, and the object as later reads return it. `invalid-argument` if it is too large for etcd. */
  sealed(object: StoredObject): { readonly value: Buffer; readonly kept: StoredObject } {
    const key = this.keyOf(refOf(object));
    // The revision is known only after the write.
    const bytes = encodeObject({ ...object, metadata: { ...object.metadata, resourceVersion: '0' } });
    const value = seal(this.#keys.first, bytes, key.toString());
    if (value.length + key.length + REQUEST_OVERHEAD_BYTES <= MAX_REQUEST_BYTES) {
      return { value, kept: decodeObject(bytes, `apply ${describeRef(refOf(object))}`) };
    }
    throw new LanternError(
      'invalid-argument',
      `apply ${describeRef(refOf(object))}: encrypted it is ${value.length} bytes, and etcd takes ${MAX_REQUEST_BYTES} in a request; split it`,
    );
  }

  /**
   * Puts the value, or removes the key if undefined, if the key was last changed at `changedAt` (0: it does not exist).
   * Returns the revision, undefined if another change came first.
   */
  async replace(
    ref: ObjectRef,
    changedAt: number,
    value: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const what = `${value === undefined ? 'delete' : 'apply'} ${describeRef(ref)}`;
    const mark = this.history.mark();
    const replaced = await replaceIfUnchanged(this.client, { key: this.keyOf(ref), changedAt, value }, what, signal);
    this.history.answer(replaced.header, mark);
    return replaced.changedAt;
  }

  stateOf(ref: ObjectRef, found: IKeyValue | undefined, revision: number): EtcdState {
    if (found === undefined) return { revision, changedAt: 0, object: undefined, problem: undefined };
    const changedAt = Number(found.mod_revision);
    try {
      return { revision, changedAt, object: this.#open(ref, found), problem: undefined };
    } catch (error) {
      if (!(error instanceof LanternError)) throw error;
      return { revision, changedAt, object: undefined, problem: error };
    }
  }

  /** Reads all keys at one revision in one request. */
  async #look(
    refs: readonly ObjectRef[],
    how: Pick<IRangeRequest, 'keys_only'>,
    what: string,
    signal: AbortSignal,
  ): Promise<{ readonly revision: number; readonly found: readonly (IKeyValue | undefined)[] }> {
    const success = refs.map((ref): IRequestOp => ({ request_range: { key: this.keyOf(ref), ...how } }));
    const mark = this.history.mark();
    const { header, responses } = await this.client.transact({ success }, what, signal);
    if (!this.history.answer(header, mark)) throw changedHistory(what);
    return {
      revision: Number(header.revision),
      found: responses.map(({ response_range }) => response_range.kvs[0]),
    };
  }

  #open(ref: ObjectRef, { value, mod_revision }: IKeyValue): StoredObject {
    const what = `read ${describeRef(ref)}`;
    const { bytes } = unseal(this.#keys, value, this.keyOf(ref).toString(), what);
    const object = decodeObject(bytes, what);
    return { ...object, metadata: { ...object.metadata, resourceVersion: mod_revision } };
  }
}

function changedHistory(what: string): LanternError {
  return new LanternError(
    'unavailable',
    `${what}: etcd was replaced or restored from a snapshot; everything is read again, try again soon`,
    { reason: 'STORE_UNSYNCED' },
  );
}
