import { randomBytes } from 'node:crypto';
import { constants as fs, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf, LanternError, SystemCallError } from './errors.ts';

type PrivateFileOptions = {
  readonly replace: boolean;
  /** Tests replace it to simulate a file system without unnamed files. */
  readonly openUnnamed?: typeof openUnnamed;
};

/**
 * Writes a file, 0600, that appears complete or not at all, and is durable on return. `already-exists` if the name is
 * in use and `replace` is not set; `failed-precondition` if it would replace something other than a file, such as
 * /dev/null. A failure leaves nothing behind; nor does a killed process, if the file system has unnamed files.
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
      // Only an open file can be given a name, and only a name that is not in use.
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
    // A file system without hard links, such as FAT on a USB stick.
    await requireAbsent(path);
    await rename(from, path);
  }
}

/** An empty file, 0600, on the directory's file system, that vanishes when it is closed. */
export async function openTemporaryFile(directory: string): Promise<FileHandle> {
  const unnamed = await openUnnamed(directory);
  if (unnamed !== undefined) return unnamed;
  const path = temporaryPath(join(directory, 'lantern'));
  const file = await createFile(path);
  await rm(path, { force: true });
  return file;
}

/** The same value on x86-64 and arm64. It takes effect only together with O_DIRECTORY, whose value differs. */
const O_TMPFILE = 0o20000000 | fs.O_DIRECTORY;
/** Errnos of a file system or kernel without unnamed files. Node reports EOPNOTSUPP as ENOTSUP. */
const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EISDIR']);

/** An empty file, 0600, that vanishes unless `nameFile` names it. Undefined if the file system has none (vfat, NFS). */
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

/** Node's own `link` does not follow the link in /proc. Runs in another thread, because the disk may be slow. */
async function nameFile(file: FileHandle, path: string): Promise<void> {
  // Imported here: most programs that use this module never name a file, and the library's native part takes time.
  const { default: koffi } = await import('koffi');
  linkat ??= koffi.load(null).func('linkat', 'int', ['int', 'str', 'int', 'str', 'int']);
  const call = linkat;
  await new Promise<void>((resolve, reject) => {
    const from = `/proc/self/fd/${file.fd}`;
    call.async(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW, (error: unknown, result: number) => {
      const failure = error ?? (result < 0 ? new SystemCallError(koffi.errno(), 'linkat', path) : undefined);
      if (failure === undefined) resolve();
      else reject(errnoOf(failure) === 'EEXIST' ? exists(path) : failure);
    });
  });
}

/**
 * Replaces a file atomically and durably: a crash of the machine leaves the old or the new contents. Without `mode` it
 * is 0600 in a directory of this user's own; with `mode`, others may be able to write to the directory.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array | string>, mode?: number): Promise<void> {
  const unfinished = `${path}.new`;
  // A link that somebody else put there must not be followed.
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
 * Makes a directory and its missing parents with that mode; existing ones stay unchanged. Node's own `recursive` never
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

/** False also for a path that cannot be read: `mkdirSync` then reports why. */
function isDirectory(path: string): boolean {
  try {
    return path === '/' || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
