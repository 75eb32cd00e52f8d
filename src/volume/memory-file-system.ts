import { constants } from 'node:fs';
import { Volume } from 'memfs';
import { errnoOf } from '../base/errors.ts';
import { fileType, nodeFileSystem, stampOf, stampsBy, type VolumeFs } from './file-system.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** A memfs for rendering off the host and tests that stop a write, corrected where memfs 4.80 differs from Linux. */
export function createMemoryFileSystem(): VolumeFs {
  const memory = new Volume();
  const isLink = (path: string) => memory.lstatSync(path).isSymbolicLink();
  return {
    owner: nodeFileSystem.owner,
    umask: () => 0,
    mkdir: (path, mode) => void memory.mkdirSync(path, mode),
    rmdir: (path) => memory.rmdirSync(path),
    readdir: (path) =>
      memory.readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
        return typeof entry === 'object' && 'isFile' in entry
          ? [{ name: String(entry.name), type: fileType(entry) }]
          : [];
      }),
    create(path, mode) {
      // memfs would check the mode of the new file, too.
      const fd = memory.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      memory.fchmodSync(fd, mode);
      return fd;
    },
    createOrEmpty: (path, mode) => memory.openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode),
    write: (fd, bytes) => memory.writeSync(fd, bytes),
    fchown(fd, owner) {
      const { uid, gid } = memory.fstatSync(fd);
      memory.fchownSync(fd, owner.user ?? uid, owner.group ?? gid);
    },
    fchmod: (fd, mode) => memory.fchmodSync(fd, mode),
    close: (fd) => memory.closeSync(fd),
    chown(path, owner) {
      const { uid, gid } = memory.lstatSync(path);
      memory.lchownSync(path, owner.user ?? uid, owner.group ?? gid);
    },
    chmod: (path, mode) => memory.chmodSync(path, mode),
    symlink: (target, path) => memory.symlinkSync(target, path),
    readlink: (path) => String(memory.readlinkSync(path)),
    rename(from, to) {
      if (!isLink(from)) return memory.renameSync(from, to);
      // memfs would move the link's target.
      const target = memory.readlinkSync(from);
      if (memory.lstatSync(to, { throwIfNoEntry: false }) !== undefined) memory.unlinkSync(to);
      memory.symlinkSync(target, to);
      memory.unlinkSync(from);
    },
    unlink: (path) => memory.unlinkSync(path),
    unlinkAll(paths) {
      for (const path of paths) memory.unlinkSync(path);
    },
    lstat(path) {
      const status = memory.lstatSync(path, { throwIfNoEntry: false });
      if (status === undefined) return undefined;
      const owner = { user: Number(status.uid), group: Number(status.gid) };
      // On Linux the size of a link is the length of its target, and its mode is always 0777.
      if (status.isSymbolicLink()) {
        return { type: 'symlink', mode: 0o777, size: Buffer.byteLength(String(memory.readlinkSync(path))), ...owner };
      }
      return { type: fileType(status), mode: Number(status.mode) & 0o7777, size: Number(status.size), ...owner };
    },
    stamps: (paths) =>
      stampsBy(paths, (path) => stampOf(memory.lstatSync(path, { bigint: true, throwIfNoEntry: false }))),
    readFile(path) {
      if (isLink(path)) throw Object.assign(new Error(`ELOOP: "${path}" is a link`), { code: 'ELOOP' });
      try {
        return Buffer.from(memory.readFileSync(path));
      } catch (error) {
        if (errnoOf(error) !== 'EACCES') throw error;
      }
      // memfs requires read permission even of root. The caller rendered these files, so it may read them.
      const mode = Number(memory.lstatSync(path).mode) & 0o7777;
      if ((mode & 0o444) === 0o444) return Buffer.from(memory.readFileSync(path));
      memory.chmodSync(path, 0o444);
      try {
        return Buffer.from(memory.readFileSync(path));
      } finally {
        memory.chmodSync(path, mode);
      }
    },
  };
}
