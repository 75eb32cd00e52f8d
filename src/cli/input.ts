import type { Readable } from 'node:stream';
import { LanternError } from '../base/errors.ts';
import { readUpTo } from '../base/read-up-to.ts';

/** Values and documents have smaller limits of their own, but a manifest may have many documents. */
const MAX_MIB = 64;

/** Reads a file or stdin, which may be a device without an end. `name` is for the error `resource-exhausted`. */
export async function readInput(stream: Readable, name: string): Promise<Buffer> {
  const bytes = await readUpTo(stream, MAX_MIB * 1024 * 1024);
  if (bytes !== undefined) return bytes;
  throw new LanternError('resource-exhausted', `read ${name}: it is longer than ${MAX_MIB} MiB; split it`);
}
