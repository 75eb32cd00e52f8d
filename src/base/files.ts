import { randomBytes } from 'node:crypto';
import { constants as fs, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import koffi from 'koffi';
import { errnoOf, LanternError, SystemCallError } from './errors.ts';

type PrivateFileOptions = {
  readonly replace: boolean;
  /** For tests: stands for a file system without unnamed files. */
  readonly openUnnamed?: typeof openUnnamed;
};

/**
 * Writes a file, 0600, that appears complete or not at all, and is durable on return. `already-exists` if the name is in
 * use and `replace` is not set; `failed-precondition` if it would replace something that is not a file, such as
 * /dev/null. A failure leaves nothing behind. Neither does a process that is killed, on a file system with unnamed files.
 */
export async function writePrivateFile(
  path: string,
  { replace, openUnnamed: openIn = openUnnamed }: PrivateFileOptions,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  await (replace ? requireReplaceable(path) : requireAbsent(path));
  const temporary = temporaryPath(path);
  const unnamed = await openIn(dirname(path));
  const file = unnamed ?? (await createFile(temporary));
  try {
    try {
      await write(file);
      await file.sync();
      // Only an open file can be given a name, and only one that is not in use.
      if (unnamed !== undefined) await nameFile(file, replace ? temporary : path);
    } finally {
      await file.close();
    }
    if (replace) await rename(temporary, path);
    else if (unnamed === undefined) await renameIfAbsent(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

async function requireReplaceable(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  throw new LanternError('failed-precondition', `write "${path}": it is not a regular file; name another one`);
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

function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
}

function createFile(path: string): Promise<FileHandle> {
  return open(path, 'wx+', 0o600);
}

async function renameIfAbsent(from: string, path: string): Promise<void> {
  try {
    await link(from, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(path);
    // A file system without hard links, such as that of a USB stick.
    await requireAbsent(path);
    await rename(from, path);
  }
}

/** An empty file, 0600, on the directory's file system, that is gone when it is closed. */
export async function openTemporaryFile(directory: string): Promise<FileHandle> {
  const unnamed = await openUnnamed(directory);
  if (unnamed !== undefined) return unnamed;
  const path = temporaryPath(join(directory, 'lantern'));
  const file = await createFile(path);
  await rm(path, { force: true });
  return file;
}

/** The same value on x86-64 and arm64; it counts only together with O_DIRECTORY, which is not. */
const O_TMPFILE = 0o20000000 | fs.O_DIRECTORY;
/** A file system or a kernel without unnamed files. Node reports EOPNOTSUPP as ENOTSUP. */
const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EISDIR']);

/**
 * An empty file, 0600, in the directory but without a name: it vanishes with the process unless `nameFile` names it.
 * Undefined if the file system has no such files (vfat, NFS).
 */
export async function openUnnamed(directory: string): Promise<FileHandle | undefined> {
  try {
    return await open(directory, O_TMPFILE | fs.O_RDWR, 0o600);
  } catch (error) {
    if (UNSUPPORTED.has(errnoOf(error))) return undefined;
    throw error;
  }
}

type LinkAt = { async(...values: readonly unknown[]): void };

let linkat: LinkAt | undefined;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

/**
 * Names an unnamed file, on its file system; `already-exists` if the name is in use. Node's own `link` does not follow
 * the link in /proc. The disk may be slow: the call runs in another thread.
 */
function nameFile(file: FileHandle, path: string): Promise<void> {
  linkat ??= koffi.load(null).func('linkat', 'int', ['int', 'str', 'int', 'str', 'int']);
  const call = linkat;
  return new Promise((resolve, reject) => {
    const from = `/proc/self/fd/${file.fd}`;
    call.async(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW, (error: unknown, result: number) => {
      const failure = error ?? (result < 0 ? new SystemCallError(koffi.errno(), 'linkat', path) : undefined);
      if (failure === undefined) resolve();
      else reject(errnoOf(failure) === 'EEXIST' ? exists(path) : failure);
    });
  });
}

/**
 * Replaces a file atomically: at any time, even after a crash of the machine, it has the old or the new contents, and on
 * return the new ones. It is 0600 in a directory of this user's own; with `mode`, it may lie where others can write.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array | string>, mode?: number): Promise<void> {
  const unfinished = `${path}.new`;
  // A link that somebody else put there is not followed.
  if (mode !== undefined) await rm(unfinished, { force: true });
  const file = await open(unfinished, mode === undefined ? 'w' : 'wx', 0o600);
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    if (mode !== undefined) await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

/** Makes the names created, renamed or removed in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Makes a directory and its missing parents, with that mode; existing ones are not changed. Node's own `recursive` never
 * ends if a directory cannot be made, as in /proc. Throws as `mkdirSync` does.
 */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isDirectory(at); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!isDirectory(each)) throw error;
    }
  }
}

/** False also for a path that cannot be read: `mkdirSync` reports why. */
function isDirectory(path: string): boolean {
  try {
    return path === '/' || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
