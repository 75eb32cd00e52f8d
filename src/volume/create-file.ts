import type { OwnerChange, VolumeFs } from './file-system.ts';

/** Nobody but the daemon sees a file before it has its owner and mode. */
const UNFINISHED_MODE = 0o600;

/** A new file with these bytes: written first, then given to its owner (where that is another), then its mode. */
export function createFile(fs: VolumeFs, path: string, bytes: Uint8Array, owner: OwnerChange, mode: number): void {
  const fd = fs.create(path, UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
    if (owner.user !== undefined || owner.group !== undefined) fs.fchown(fd, owner);
    fs.fchmod(fd, mode);
  } finally {
    fs.close(fd);
  }
}

/** A file beside its final name first, so that it is never seen half: 0600, replaced by rename. */
export function replaceFile(fs: VolumeFs, path: string, temporaryPath: string, bytes: Uint8Array): void {
  const fd = fs.createOrEmpty(temporaryPath, UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
  } finally {
    fs.close(fd);
  }
  fs.rename(temporaryPath, path);
}

/** A write may take less than it was given; the next one then says why. */
function writeAll(fs: VolumeFs, fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength; ) {
    written += fs.write(fd, written === 0 ? bytes : bytes.subarray(written));
  }
}
