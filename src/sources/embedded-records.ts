import { LanternError } from '../base/errors.ts';
import { refKey, refOf, type StoredObject } from '../objects/object.ts';
import { digestOf, type Head, type OpenedHead, openHead } from './embedded-head.ts';
import { seal, unseal } from './envelope.ts';
import type { KeyRing, StoreKey } from './key-file.ts';
import { decodeObject, encodeObject } from './object-codec.ts';

/** One entry of the database: the head, or an object under its name. Values are sealed. */
export type EmbeddedRecord = readonly [key: string, value: Uint8Array];

/** What a set of records says, checked. `head` is undefined where there is no record at all. */
export type Contents = {
  /** By `refKey`. */
  readonly objects: Map<string, StoredObject>;
  readonly head: OpenedHead | undefined;
};

export const HEAD_KEY = 'head';
const OBJECT_PREFIX = 'object/';
const REVISION_BYTES = 8;

export function recordKey(objectKey: string): string {
  return `${OBJECT_PREFIX}${objectKey}`;
}

/** The object's revision, then the object, bound to its name and that revision. */
export function objectRecord(key: StoreKey, object: StoredObject): EmbeddedRecord {
  const objectKey = refKey(refOf(object));
  const { resourceVersion } = object.metadata;
  const revision = Buffer.alloc(REVISION_BYTES);
  revision.writeBigUInt64BE(BigInt(resourceVersion));
  return [
    recordKey(objectKey),
    Buffer.concat([revision, seal(key, encodeObject(object), contextOf(objectKey, resourceVersion))]),
  ];
}

/**
 * Opens every record and compares all of them with the head among them. `what` begins the message of an error:
 * `data-loss` when anything is missing, too much, older or damaged; `failed-precondition` when a key is missing.
 */
export async function readRecords(
  records: AsyncIterable<EmbeddedRecord> | Iterable<EmbeddedRecord>,
  keys: KeyRing,
  what: string,
): Promise<Contents> {
  const objects = new Map<string, StoredObject>();
  let head: OpenedHead | undefined;
  for await (const [key, value] of records) {
    if (key === HEAD_KEY) head = openHead(keys, value, `${what}: the head in the database`);
    else if (key.startsWith(OBJECT_PREFIX)) {
      const objectKey = key.slice(OBJECT_PREFIX.length);
      objects.set(objectKey, openObject(keys, objectKey, value, `${what}: the record of "${objectKey}"`));
    } else throw new LanternError('data-loss', `${what}: it holds a record that is none of this store's`);
  }
  if (head === undefined && objects.size > 0) throw new LanternError('data-loss', `${what}: its head is missing`);
  if (head !== undefined) requireWhole(head.head, head.key, objects, what);
  return { objects, head };
}

/** Throws `data-loss` unless these are the objects that the head describes. */
export function requireWhole(
  head: Head,
  key: StoreKey,
  objects: ReadonlyMap<string, StoredObject>,
  what: string,
): void {
  if (head.count !== objects.size) {
    throw new LanternError('data-loss', `${what}: of ${head.count} objects ${objects.size} are there`);
  }
  if (head.digest !== digestOf(key, revisionsOf(objects))) {
    throw new LanternError('data-loss', `${what}: some objects are not at the revision they had`);
  }
}

export function* revisionsOf(objects: ReadonlyMap<string, StoredObject>): Generator<[string, string]> {
  for (const [key, { metadata }] of objects) yield [key, metadata.resourceVersion];
}

function openObject(keys: KeyRing, objectKey: string, value: Uint8Array, what: string): StoredObject {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const revision = bytes.length < REVISION_BYTES ? '' : String(bytes.readBigUInt64BE());
  const opened = unseal(keys, bytes.subarray(REVISION_BYTES), contextOf(objectKey, revision), what);
  try {
    return decodeObject(opened.bytes);
  } catch {
    throw new LanternError('data-loss', `${what}: it is of a kind that this version does not know`);
  }
}

function contextOf(objectKey: string, revision: string): string {
  return `${objectKey}\0${revision}`;
}
