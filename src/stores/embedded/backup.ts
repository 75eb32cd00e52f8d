import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, LanternError, toLanternError } from '../../base/errors.ts';
import { openTemporaryFile, replaceFile, syncDirectory, writePrivateFile } from '../../base/files.ts';
import { counted, type Progress, UNSEEN } from '../../base/progress.ts';
import { countOf } from '../../base/text.ts';
import { refKey, refOf, type StoredObject } from '../../objects/object.ts';
import { Archive, ArchiveWriter } from '../archive/archive.ts';
import { createKeyFile, type KeyRing, readKeyRing } from '../sealed/key-file.ts';
import { type DataPaths, dataPaths, prepareDataDirectory } from './data-directory.ts';
import { EmbeddedDatabase, type EmbeddedLocation } from './database.ts';
import { isUnused, type Level, openLevel } from './level.ts';
import { isOldBackup, readOldBackup } from './old-backup.ts';
import { digestOf, HEAD_KEY, type Head, objectRecord, revisionsOf, sealHead } from './records.ts';

// Work on the files of a store whose daemon is down, which LevelDB's lock ensures.

/** Objects by `refKey`. No object's revision exceeds `revision`. */
type Backup = { readonly objects: ReadonlyMap<string, StoredObject>; readonly revision: number };

/** Writes all objects into an archive, mode 0600, sealed with the store's first key. Returns their number. */
export async function backUp(location: EmbeddedLocation, path: string, progress: Progress = UNSEEN): Promise<number> {
  await requireUsed(location, 'back up');
  const { database, objects } = await EmbeddedDatabase.open(location, 0, progress);
  await using _ = database;
  try {
    progress.begin('writing objects', objects.size);
    await writePrivateFile(path, { replace: true }, async (file) => {
      const writer = await ArchiveWriter.begin(file, database.key);
      for await (const object of counted(objects.values(), progress)) await writer.append(object);
      await writer.finish();
    });
  } catch (error) {
    throw toLanternError(error, `write the backup "${path}"`);
  }
  return objects.size;
}

/**
 * Replaces the store with the objects of an archive or old backup. They keep uids and revisions. The store gets higher
 * revisions and a new id: under its old id, objects missing from an older state would count as deleted. The previous
 * contents of the data directory, damaged or not, are moved to `replaced`.
 */
export async function restore(
  { directory, keyFiles }: EmbeddedLocation,
  path: string,
  now: number,
  progress: Progress = UNSEEN,
): Promise<{ readonly count: number; readonly replaced: string | undefined }> {
  const what = `restore "${path}"`;
  await prepareDataDirectory(directory);
  const keys = await readKeyRing(keyFiles);
  const paths = dataPaths(directory);
  try {
    const { objects, revision } = await readBackup(path, { keys, spoolDirectory: directory, what, progress });
    await using _ = await holdDatabase(paths, what);
    const head = {
      storeId: randomUUID(),
      revision: Math.max(revision + 1, Math.floor(now)),
      count: objects.size,
      digest: digestOf(keys.first, revisionsOf(objects)),
    };
    progress.begin(`writing ${countOf(objects.size, 'object')}`);
    const replaced = await putInPlace(paths, objects, keys, head, new Date(now));
    return { count: objects.size, replaced };
  } catch (error) {
    throw toLanternError(error, what);
  }
}

async function readBackup(
  path: string,
  {
    keys,
    spoolDirectory,
    what,
    progress,
  }: {
    readonly keys: KeyRing;
    readonly spoolDirectory: string;
    readonly what: string;
    readonly progress: Progress;
  },
): Promise<Backup> {
  progress.begin('reading objects');
  await using file = await openSeekable(path, spoolDirectory);
  if (await isOldBackup(file)) return await readOldBackup(file, keys, what);
  const archive = await Archive.open(file, keys, what).catch((error: unknown) => {
    if (!hasCode(error, 'invalid-argument')) throw error;
    throw new LanternError('data-loss', `${what}: it is not a backup that this version knows, or damaged; use another`);
  });
  const objects = new Map<string, StoredObject>();
  let revision = 0;
  for await (const object of counted(archive.objects(), progress)) {
    const own = Number(object.metadata.resourceVersion);
    if (objects.has(refKey(refOf(object))) || !Number.isSafeInteger(own)) {
      throw new LanternError('data-loss', `${what}: it holds what no store can; use another`);
    }
    objects.set(refKey(refOf(object)), object);
    revision = Math.max(revision, own);
  }
  return { objects, revision };
}

/** Archives are read by position, so a pipe's contents are copied, still encrypted, to an unnamed file. */
async function openSeekable(path: string, spoolDirectory: string): Promise<FileHandle> {
  const file = await open(path);
  if ((await file.stat()).isFile()) return file;
  const copy = await openTemporaryFile(spoolDirectory);
  try {
    for await (const chunk of file.createReadStream()) await copy.writeFile(chunk);
    return copy;
  } catch (error) {
    await copy.close();
    throw error;
  }
}

/** Seals everything with the first key, creating its file if missing. Returns the number of objects. */
export async function rekey(location: EmbeddedLocation, progress: Progress = UNSEEN): Promise<number> {
  await requireUsed(location, 'rekey');
  const [first, ...others] = location.keyFiles;
  if (first !== undefined && others.length > 0) await createKeyFile(first);
  const { database, objects } = await EmbeddedDatabase.open(location, 0, progress);
  await using _ = database;
  progress.begin(`encrypting ${countOf(objects.size, 'object')}`);
  await database.reseal(objects.values());
  return objects.size;
}

/** Opening a missing database would create it. */
async function requireUsed({ directory }: EmbeddedLocation, verb: string): Promise<void> {
  if (!(await isUnused(dataPaths(directory)))) return;
  throw new LanternError('not-found', `${verb} the store in "${directory}": there is none; name the right --data-dir`);
}

/** A crash at any step makes the next start refuse the store: the new head comes first and fits only the new data. */
async function putInPlace(
  paths: DataPaths,
  objects: ReadonlyMap<string, StoredObject>,
  keys: KeyRing,
  head: Head,
  now: Date,
): Promise<string | undefined> {
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

/** Holds LevelDB's lock, so that no daemon runs. A database too damaged to open has no lock. */
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
