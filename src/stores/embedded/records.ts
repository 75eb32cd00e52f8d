import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { refKey, refOf, type StoredObject } from '../../objects/object.ts';
import { decodeObject, encodeObject } from '../kept/object-codec.ts';
import { seal, unseal } from '../sealed/envelope.ts';
import type { KeyRing, StoreKey } from '../sealed/key-file.ts';

/** The head, or an object under its name. Values are sealed. */
export type EmbeddedRecord = readonly [key: string, value: Uint8Array];

/** A checked set of records. `head` is undefined if the set is empty. */
export type Contents = {
  /** Keyed by `refKey`. */
  readonly objects: Map<string, StoredObject>;
  readonly head: OpenedHead | undefined;
};

export const HEAD_KEY = 'head';
const OBJECT_PREFIX = 'object/';
const REVISION_BYTES = 8;

export function recordKey(objectKey: string): string {
  return `${OBJECT_PREFIX}${objectKey}`;
}

/** The revision, then the sealed object, bound to its name and revision. */
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

/** Checks all records against the head. `data-loss` if one is wrong or missing; `failed-precondition` without a key. */
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
  return decodeObject(opened.bytes, what);
}

function contextOf(objectKey: string, revision: string): string {
  return `${objectKey}\0${revision}`;
}

/** Describes a whole and current store. Kept in one batch with its objects, and in a file outside the database. */
export type Head = {
  readonly storeId: string;
  /** The newest change's revision. */
  readonly revision: number;
  readonly count: number;
  /** `digestOf` all objects, in hexadecimal, under the key that sealed the head. */
  readonly digest: string;
};

/** `key` is the digest's key. */
type OpenedHead = { readonly head: Head; readonly key: StoreKey };

const CONTEXT = 'lantern store head v1';

const headSchema = z.object({
  storeId: z.string(),
  revision: z.int().nonnegative(),
  count: z.int().nonnegative(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

export function sealHead(key: StoreKey, head: Head): Buffer {
  return seal(key, Buffer.from(JSON.stringify(head)), CONTEXT);
}

/** Errors as `unseal`. */
export function openHead(keys: KeyRing, sealed: Uint8Array, what: string): OpenedHead {
  const { bytes, key } = unseal(keys, sealed, CONTEXT, what);
  const head = headSchema.safeParse(JSON.parse(bytes.toString('utf8')));
  if (head.success) return { head: head.data, key };
  throw new LanternError('data-loss', `${what}: it is of a kind that this version does not know`);
}

/** The sealed head in the file, or undefined without a file. */
export async function readHeadFile(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw toLanternError(error, `read the head record "${path}"`);
  }
}

export const EMPTY_DIGEST = '0'.repeat(64);

/** Adds an object to the digest or removes it: both are the same XOR, so a write costs one HMAC per change. */
export function toggled(digest: string, key: StoreKey, objectKey: string, revision: string): string {
  const mark = createHmac('sha256', key.digesting).update(`${objectKey}\0${revision}`).digest();
  const sum = Buffer.from(digest, 'hex');
  for (const [index, byte] of mark.entries()) sum[index] = (sum[index] ?? 0) ^ byte;
  return sum.toString('hex');
}

/** The digest of a set of objects by key and revision, in any order. */
export function digestOf(key: StoreKey, objects: Iterable<readonly [objectKey: string, revision: string]>): string {
  let digest = EMPTY_DIGEST;
  for (const [objectKey, revision] of objects) digest = toggled(digest, key, objectKey, revision);
  return digest;
}
