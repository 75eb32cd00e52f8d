import type { FileHandle } from 'node:fs/promises';
import * as z from 'zod';
import { LanternError } from '../../base/errors.ts';
import type { StoredObject } from '../../objects/object.ts';
import type { KeyRing } from '../sealed/key-file.ts';
import { type EmbeddedRecord, readRecords } from './records.ts';

// The format before archives: this line, then a JSON line per database record, sealed as in the database.

const HEADING = 'lantern backup 1';

const lineSchema = z.tuple([z.string(), z.base64()]);

export async function isOldBackup(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADING.length), 0, HEADING.length, 0);
  return buffer.toString('latin1', 0, bytesRead) === HEADING;
}

/** Objects by `refKey`, and the store's newest revision. Errors as `readRecords`. */
export async function readOldBackup(
  file: FileHandle,
  keys: KeyRing,
  what: string,
): Promise<{ readonly objects: ReadonlyMap<string, StoredObject>; readonly revision: number }> {
  const { objects, head } = await readRecords(recordsIn(file, what), keys, what);
  if (head === undefined) throw new LanternError('data-loss', `${what}: its head is missing`);
  return { objects, revision: head.head.revision };
}

async function* recordsIn(file: FileHandle, what: string): AsyncGenerator<EmbeddedRecord> {
  let isHeading = true;
  for await (const line of file.readLines({ start: 0, autoClose: false })) {
    if (!isHeading) yield recordOf(line, what);
    isHeading = false;
  }
}

function recordOf(line: string, what: string): EmbeddedRecord {
  try {
    const [key, value] = lineSchema.parse(JSON.parse(line));
    return [key, Buffer.from(value, 'base64')];
  } catch {
    // The error quotes the line.
    throw new LanternError('data-loss', `${what}: the backup is damaged; use another`);
  }
}
