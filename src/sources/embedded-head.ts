import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import { seal, unseal } from './envelope.ts';
import type { KeyRing, StoreKey } from './key-file.ts';

/**
 * What a whole and current store looks like. It is sealed, and kept twice: in the database, written in one batch with
 * the objects it describes, and in a file outside.
 */
export type Head = {
  readonly storeId: string;
  /** Of the newest change. */
  readonly revision: number;
  /** How many objects there are. */
  readonly count: number;
  /** Which objects, and at which revisions: `digestOf` under the key that sealed the head; hexadecimal. */
  readonly digest: string;
};

/** A head, and the key that its digest is under. */
export type OpenedHead = { readonly head: Head; readonly key: StoreKey };

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

/** The sealed head of the file, undefined where there is none. */
export async function readHeadFile(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw toLanternError(error, `read the head record "${path}"`);
  }
}

export const EMPTY_DIGEST = '0'.repeat(64);

/** The digest with one object more, or one less: the same step does both, so that a write costs one HMAC per change. */
export function toggled(digest: string, key: StoreKey, objectKey: string, revision: string): string {
  const mark = createHmac('sha256', key.digesting).update(`${objectKey}\0${revision}`).digest();
  const sum = Buffer.from(digest, 'hex');
  for (const [index, byte] of mark.entries()) sum[index] = (sum[index] ?? 0) ^ byte;
  return sum.toString('hex');
}

/** The digest of a set of objects, each by key and revision, in any order. */
export function digestOf(key: StoreKey, objects: Iterable<readonly [objectKey: string, revision: string]>): string {
  let digest = EMPTY_DIGEST;
  for (const [objectKey, revision] of objects) digest = toggled(digest, key, objectKey, revision);
  return digest;
}
