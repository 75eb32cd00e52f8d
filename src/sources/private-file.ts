import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf, LanternError } from '../base/errors.ts';
import { nameFile, openNameless } from '../base/nameless-file.ts';
import { syncDirectory } from './sync-directory.ts';

export type PrivateFileOptions = {
  readonly replace: boolean;
  /** What a test puts in its place, to stand for a file system that has no such files. */
  readonly openUnnamed?: typeof openNameless;
};

/**
 * Writes a file, 0600, that is there as a whole or not at all, and durable on return. `already-exists` when something
 * has that name and `replace` is not set, whether at first or in the end; `failed-precondition` when it is to replace
 * what is no file, such as /dev/null, or a link to that. Whatever fails leaves nothing behind. Neither does a process
 * that is killed while it writes, where the file system has files without a name.
 */
export async function writePrivateFile(
  path: string,
  { replace, openUnnamed = openNameless }: PrivateFileOptions,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  await (replace ? requireReplaceable(path) : requireAbsent(path));
  const besides = besidesOf(path);
  const nameless = await openUnnamed(dirname(path));
  const file = nameless ?? (await open(besides, 'wx', 0o600));
  try {
    try {
      await write(file);
      await file.sync();
      // A name can be given to what is open alone, and only one that nothing has.
      if (nameless !== undefined) await nameNew(file, replace ? besides : path);
    } finally {
      await file.close();
    }
    if (replace) await rename(besides, path);
    else if (nameless === undefined) await nameIfAbsent(besides, path);
  } finally {
    await rm(besides, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** An empty file, 0600, in that directory, that has no name any more: it goes when it is closed. */
export async function openNamelessFile(directory: string): Promise<FileHandle> {
  const nameless = await openNameless(directory);
  if (nameless !== undefined) return nameless;
  const path = besidesOf(join(directory, 'lantern'));
  const file = await open(path, 'wx+', 0o600);
  await rm(path, { force: true });
  return file;
}

async function nameNew(file: FileHandle, path: string): Promise<void> {
  try {
    await nameFile(file, path);
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? exists(path) : error;
  }
}

async function nameIfAbsent(from: string, path: string): Promise<void> {
  try {
    await link(from, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(path);
    // A file system without hard links, as on a stick that carries the file elsewhere.
    await requireAbsent(path);
    await rename(from, path);
  }
}

async function requireReplaceable(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  throw new LanternError('failed-precondition', `write "${path}": it is no regular file; name another one`);
}

async function requireAbsent(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  throw exists(path);
}

function exists(path: string): LanternError {
  return new LanternError('already-exists', `write "${path}": it exists already; name another file, or add --force`);
}

function besidesOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
}
