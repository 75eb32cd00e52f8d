import { constants as fs, readdirSync, readFileSync } from 'node:fs';
import { fileType, nodeFileSystem, stampsBy, type VolumeFs } from '../../volume/file-system.ts';
import { type DirectoryCalls, directoryCalls } from '../linux/directory-calls.ts';
import { O_PATH } from '../linux/system-calls.ts';

/** chown(2) leaves this id as it is. */
const UNCHANGED = -1;

const FOR_NAMING = O_PATH | fs.O_DIRECTORY;

/** Calls `action` with the directory of the path's last element, and that element. */
type Within = <T>(path: string, action: (parent: number, name: string) => T) => T;

/**
 * The file system below an opened directory, for places that others may rearrange. Whatever happens to its path, and
 * whatever replaces an entry, nothing outside of this very directory is read, changed or removed. A link in any element
 * is ELOOP, a mount inside is EXDEV. `directory` returns the descriptor, which may be for naming only (O_PATH), or
 * throws once it is closed. Paths begin with `root`, which is not looked up: it is only for messages.
 */
export function descriptorFileSystem(
  directory: () => number,
  root: string,
  calls: DirectoryCalls = directoryCalls,
): VolumeFs {
  const relative = (path: string): string => {
    if (path === root) return '.';
    if (path.startsWith(`${root}/`)) return path.slice(root.length + 1);
    throw new Error(`"${path}" does not begin with "${root}"`);
  };
  const opened = <T>(path: string, flags: number, action: (fd: number) => T): T => {
    const fd = calls.open(directory(), path, flags);
    try {
      return action(fd);
    } finally {
      calls.close(fd);
    }
  };
  /** `above` is the directory of the last element, and '' for the opened one. */
  const split = (path: string): { readonly above: string; readonly name: string } => {
    const below = relative(path);
    const end = below.lastIndexOf('/');
    const name = below.slice(end + 1);
    // A call with a single name has no protection against it.
    if (name === '..') throw new Error(`"${path}" leads out of its directory`);
    return { above: below.slice(0, Math.max(end, 0)), name };
  };
  /** Gives `work` a `within` that keeps a directory open as long as successive paths lie in it. */
  const sharing = <T>(work: (within: Within) => T): T => {
    let held: { readonly above: string; readonly fd: number } | undefined;
    const closeHeld = () => {
      if (held !== undefined) calls.close(held.fd);
      held = undefined;
    };
    try {
      return work((path, action) => {
        const { above, name } = split(path);
        if (above === '') return action(directory(), name);
        if (held?.above !== above) {
          closeHeld();
          held = { above, fd: calls.open(directory(), above, FOR_NAMING) };
        }
        return action(held.fd, name);
      });
    } finally {
      closeHeld();
    }
  };
  const within: Within = (path, action) => sharing((within) => within(path, action));
  const { owner, write, fchown, fchmod, close } = nodeFileSystem;
  return {
    owner,
    // A default access control list of the directory may take any bit.
    umask: () => 0o7777,
    write,
    fchown,
    fchmod,
    close,
    mkdir: (path, mode) => within(path, (parent, name) => calls.mkdir(parent, name, mode)),
    rmdir: (path) => within(path, calls.rmdir),
    readdir: (path) =>
      opened(relative(path), fs.O_RDONLY | fs.O_DIRECTORY, (fd) =>
        readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true }).map((entry) => {
          return { name: entry.name, type: fileType(entry) };
        }),
      ),
    create: (path, mode) => calls.open(directory(), relative(path), fs.O_WRONLY | fs.O_CREAT | fs.O_EXCL, mode),
    createOrEmpty: (path, mode) => calls.open(directory(), relative(path), fs.O_WRONLY | fs.O_CREAT | fs.O_TRUNC, mode),
    chown: (path, { user = UNCHANGED, group = UNCHANGED }) =>
      within(path, (parent, name) => calls.chown(parent, name, user, group)),
    // fchmod needs a descriptor that is not for naming only.
    chmod: (path, mode) => opened(relative(path), fs.O_RDONLY | fs.O_DIRECTORY, (fd) => fchmod(fd, mode)),
    symlink: (target, path) => within(path, (parent, name) => calls.symlink(target, parent, name)),
    readlink: (path) => within(path, calls.readlink),
    rename: (from, to) =>
      within(from, (fromParent, fromName) =>
        within(to, (toParent, toName) => calls.rename(fromParent, fromName, toParent, toName)),
      ),
    unlink: (path) => within(path, calls.unlink),
    unlinkAll: (paths) =>
      sharing((within) => {
        for (const path of paths) within(path, calls.unlink);
      }),
    lstat(path) {
      const status = within(path, calls.status);
      if (status === undefined) return undefined;
      const { type, mode, user, group, size } = status;
      return { type, mode, user, group, size };
    },
    stamps: (paths) => sharing((within) => stampsBy(paths, (path) => within(path, calls.stamp))),
    // If it is a pipe by now, the open must not wait for a writer.
    readFile: (path) => opened(relative(path), fs.O_RDONLY | fs.O_NONBLOCK, (fd) => readFileSync(fd)),
  };
}
