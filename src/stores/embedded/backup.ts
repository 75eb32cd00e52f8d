import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { replaceFile, syncDirectory, writePrivateFile } from '../../base/files.ts';
import { createKeyFile, type KeyRing, readKeyRing } from '../sealed/key-file.ts';
import { type DataPaths, dataPaths, prepareDataDirectory } from './data-directory.ts';
import { EmbeddedDatabase, type EmbeddedLocation } from './database.ts';
import { isUnused, type Level, openLevel } from './level.ts';
import {
  type Contents,
  digestOf,
  type EmbeddedRecord,
  HEAD_KEY,
  type Head,
  objectRecord,
  readRecords,
  revisionsOf,
  sealHead,
} from './records.ts';

/** First line of a backup; a line of JSON per record follows, sealed as in the database. */
const HEADING = 'lantern backup 1';

const lineSchema = z.tuple([z.string(), z.base64()]);

/** Writes the whole store into one file, 0600, sealed by the same keys. The daemon must be down. Answers how many objects. */
export async function backUp(location: EmbeddedLocation, file: string): Promise<number> {
  await requireUsed(location, 'back up');
  const { database, objects } = await EmbeddedDatabase.open(location, 0);
  await using _ = database;
  const lines = [`${HEADING}\n`];
  for await (const [key, value] of database.records()) lines.push(lineOf([key, value]));
  try {
    await writePrivateFile(file, { replace: true }, async (handle) => {
      for (const line of lines) await handle.writeFile(line);
    });
  } catch (error) {
    throw toLanternError(error, `write the backup "${file}"`);
  }
  return objects.size;
}

/**
 * Makes the backup the store. What was in the data directory is moved aside, to `replaced`, whether it was whole or
 * not. The store gets a new id and revisions above all that it had. The daemon must be down.
 */
export async function restore(
  { directory, keyFiles }: EmbeddedLocation,
  file: string,
  now: number,
): Promise<{ readonly count: number; readonly replaced: string | undefined }> {
  const what = `restore "${file}"`;
  await prepareDataDirectory(directory);
  const keys = await readKeyRing(keyFiles);
  const contents = await readRecords(recordsOf(file, what), keys, what);
  if (contents.head === undefined) throw new LanternError('data-loss', `${what}: its head is missing`);
  const paths = dataPaths(directory);
  try {
    await using _ = await holdDatabase(paths, what);
    const revision = Math.max(contents.head.head.revision + 1, Math.floor(now));
    const digest = digestOf(keys.first, revisionsOf(contents.objects));
    const head = { storeId: randomUUID(), revision, count: contents.objects.size, digest };
    const replaced = await putInPlace(paths, contents, keys, head, new Date(now));
    return { count: contents.objects.size, replaced };
  } catch (error) {
    throw toLanternError(error, what);
  }
}

/** Seals everything with the first key, which is made when its file is missing. The daemon must be down. Answers how many objects. */
export async function rekey(location: EmbeddedLocation): Promise<number> {
  await requireUsed(location, 'rekey');
  const [first, ...others] = location.keyFiles;
  if (first !== undefined && others.length > 0) await createKeyFile(first);
  const { database, objects } = await EmbeddedDatabase.open(location, 0);
  await using _ = database;
  await database.reseal(objects.values());
  return objects.size;
}

/** An empty store is not made by asking for what is in it. */
async function requireUsed({ directory }: EmbeddedLocation, verb: string): Promise<void> {
  if (!(await isUnused(dataPaths(directory)))) return;
  throw new LanternError('not-found', `${verb} the store in "${directory}": there is none; name the right --data-dir`);
}

/**
 * Every state in between is refused at the next start: the new head comes first, and fits no database but the new one.
 */
async function putInPlace(paths: DataPaths, { objects }: Contents, keys: KeyRing, head: Head, now: Date) {
  const prepared = `${paths.database}.new`;
  await rm(prepared, { recursive: true, force: true });
  const sealed = sealHead(keys.first, head);
  const level = await openLevel(prepared, true, `make the database "${prepared}"`);
  try {
    const records = [...objects.values()].map((object) => objectRecord(keys.first, object));
    const operations = [...records, [HEAD_KEY, sealed] as const].map(([key, value]) => ({
      type: 'put' as const,
      key,
      value,
    }));
    await level.batch(operations, { sync: true });
  } finally {
    await level.close();
  }
  const isReplacing = existsSync(paths.database) || existsSync(paths.head);
  const aside = join(paths.directory, `replaced-${now.toISOString().replaceAll(':', '-')}`);
  if (isReplacing) await mkdir(aside, { mode: 0o700 });
  if (existsSync(paths.head)) await copyFile(paths.head, join(aside, 'head'));
  await replaceFile(paths.head, [sealed]);
  if (existsSync(paths.database)) await rename(paths.database, join(aside, 'db'));
  await rename(prepared, paths.database);
  if (isReplacing) await syncDirectory(aside);
  await syncDirectory(paths.directory);
  return isReplacing ? aside : undefined;
}

/** LevelDB's lock for as long as it takes, so that no daemon is at work. A database too damaged to be opened has no daemon. */
async function holdDatabase(paths: DataPaths, what: string): Promise<AsyncDisposable> {
  let level: Level | undefined;
  try {
    if (!(await isUnused(paths))) level = await openLevel(paths.database, false, what);
  } catch (error) {
    if (!(error instanceof LanternError) || error.code !== 'data-loss') throw error;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await level?.close();
    },
  };
}

function lineOf([key, value]: EmbeddedRecord): string {
  return `${JSON.stringify([key, Buffer.from(value).toString('base64')])}\n`;
}

async function* recordsOf(file: string, what: string): AsyncGenerator<EmbeddedRecord> {
  const damaged = () => new LanternError('data-loss', `${what}: it is no backup, or a damaged one; use another`);
  let isFirst = true;
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      if (isFirst) {
        if (line !== HEADING) throw damaged();
        isFirst = false;
        continue;
      }
      const record = lineSchema.safeParse(parseJson(line));
      if (!record.success) throw damaged();
      yield [record.data[0], Buffer.from(record.data[1], 'base64')];
    }
  } catch (error) {
    throw toLanternError(error, what);
  }
  if (isFirst) throw damaged();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
