import { randomBytes } from 'node:crypto';
import { constants as fs, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import koffi from 'koffi';
import { errnoOf, LanternError, SystemCallError } from './errors.ts';

type PrivateFileOptions = {
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

/** The same value on x86-64 and arm64; it counts only together with O_DIRECTORY, which is not. */
const O_TMPFILE = 0o20000000 | fs.O_DIRECTORY;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
/** A file system, or a kernel, that has no such files. Node gives EOPNOTSUPP its other name. */
const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EISDIR']);

/**
 * An empty file, 0600, that lies in that directory and has no name, to be written and read: however its process ends,
 * nothing of it is left. Undefined where the file system has no such files (vfat, NFS).
 */
export async function openNameless(directory: string): Promise<FileHandle | undefined> {
  try {
    return await open(directory, O_TMPFILE | fs.O_RDWR, 0o600);
  } catch (error) {
    if (UNSUPPORTED.has(errnoOf(error))) return undefined;
    throw error;
  }
}

type LinkAt = { async(...values: readonly unknown[]): void };

let linkat: LinkAt | undefined;

/**
 * Gives such a file its name, on the same file system. EEXIST when something has that name. Node's own `link` would
 * link what leads to the descriptor, not what it leads to. The disk may be slow: the call is made by another thread.
 */
function nameFile(file: FileHandle, path: string): Promise<void> {
  linkat ??= koffi.load(null).func('linkat', 'int', ['int', 'str', 'int', 'str', 'int']);
  const call = linkat;
  return new Promise((resolve, reject) => {
    const from = `/proc/self/fd/${file.fd}`;
    call.async(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new SystemCallError(koffi.errno(), 'linkat', path));
      else resolve();
    });
  });
}

/**
 * Makes the directory and those above it that are missing, with that mode; one that is there stays as it is. Node's own
 * `recursive` tries for ever where nothing can be made, as in /proc. Throws as `mkdirSync` does.
 */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isDirectory(at); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Somebody else made it meanwhile, or something else is in the way.
      if (!isDirectory(each)) throw error;
    }
  }
}

function isDirectory(path: string): boolean {
  return path === '/' || statOf(path)?.isDirectory() === true;
}

/** What is no directory, or cannot be looked at, is found out by making the directory. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Makes names created, renamed or removed in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Replaces a file in one step, 0600: at every moment, a crash of the machine included, it holds the old bytes or the
 * new ones; the new ones on return.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array | string>): Promise<void> {
  const unfinished = `${path}.new`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}
