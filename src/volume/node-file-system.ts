import * as fs from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import type { FileStamp, FileType, VolumeFs } from './file-system.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;

/** What chown(2) takes for "as it is". */
const UNCHANGED = -1;

/** The host's file system. Its calls are synchronous, so it is only for file systems in memory, which never wait for a disk. */
export const nodeFileSystem: VolumeFs = {
  owner: { user: process.geteuid?.() ?? 0, group: process.getegid?.() ?? 0 },
  mkdir: (path, mode) => void fs.mkdirSync(path, mode),
  rmdir: (path) => fs.rmdirSync(path),
  readdir: (path) =>
    fs.readdirSync(path, { withFileTypes: true }).map((entry) => ({ name: entry.name, type: fileType(entry) })),
  create: (path, mode) => fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode),
  createOrEmpty: (path, mode) => fs.openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode),
  write: (fd, bytes) => fs.writeSync(fd, bytes),
  fchown: (fd, { user = UNCHANGED, group = UNCHANGED }) => fs.fchownSync(fd, user, group),
  fchmod: (fd, mode) => fs.fchmodSync(fd, mode),
  close: (fd) => fs.closeSync(fd),
  chown: (path, { user = UNCHANGED, group = UNCHANGED }) => fs.lchownSync(path, user, group),
  chmod: (path, mode) => fs.chmodSync(path, mode),
  symlink: (target, path) => fs.symlinkSync(target, path),
  readlink: (path) => fs.readlinkSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  lstat(path) {
    const status = fs.lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) return undefined;
    const { mode, uid: user, gid: group, size } = status;
    return { type: fileType(status), mode: mode & 0o7777, user, group, size };
  },
  stamps: (paths) => stampsBy(paths, (path) => stampOf(fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }))),
  readFile(path) {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW);
    try {
      return fs.readFileSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
};

const NANOSECONDS = 1_000_000_000n;

/** Of Node's stats and of memfs' alike. */
export function stampOf(stats: { ino: bigint; ctimeNs: bigint } | undefined): FileStamp | undefined {
  if (stats === undefined) return undefined;
  const { ino, ctimeNs } = stats;
  return {
    inode: Number(ino),
    seconds: Number(ctimeNs / NANOSECONDS),
    nanoseconds: Number(ctimeNs % NANOSECONDS),
  };
}

/** What cannot be reached, a directory on the way being gone, is not there. */
export function stampsBy(
  paths: readonly string[],
  stamp: (path: string) => FileStamp | undefined,
): readonly (FileStamp | undefined)[] {
  return paths.map((path) => {
    try {
      return stamp(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  });
}

/** What `Dirent` and `Stats` have in common, of Node's and of memfs alike. */
export function fileType(entry: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}
