import { constants as fs } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import koffi from 'koffi';
import { errnoOf } from './errors.ts';
import { SystemCallError } from './system-call-error.ts';

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
export function nameFile(file: FileHandle, path: string): Promise<void> {
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
