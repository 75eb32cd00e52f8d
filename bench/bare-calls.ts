import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import {
  AT_FDCWD,
  attachMount,
  cloneMount,
  identifyFile,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  openDirectoryWithoutLinks,
  setMountAttributes,
  umount,
} from '../src/mount/linux/system-calls.ts';

// The system calls that the work cannot do without, issued bare: nothing is checked, nothing is kept in mind.

export const NAMES = ['password', 'username', 'tls.crt'];

/** Makes one generation and swaps it in; removes the one before. */
export function bareWrite(directory: string, generation: string, bytes: (name: string) => Uint8Array): void {
  const path = join(directory, generation);
  fs.mkdirSync(path);
  fs.chmodSync(path, 0o755);
  for (const name of NAMES) bareFile(join(path, name), bytes(name), 0o640);
  const link = join(directory, '..data');
  const previous = fs.existsSync(link) ? fs.readlinkSync(link) : undefined;
  fs.symlinkSync(generation, join(directory, '..data_tmp'));
  fs.renameSync(join(directory, '..data_tmp'), link);
  if (previous !== undefined) removeGeneration(join(directory, previous));
}

/** What an update of a volume in a pool takes until it is shown: files with their modes, and the swap. */
export function bareUpdate(directory: string, generation: string, bytes: (name: string) => Uint8Array): void {
  const path = join(directory, generation);
  fs.mkdirSync(path, 0o700);
  for (const name of NAMES) {
    const descriptor = fs.openSync(join(path, name), 'wx', 0o640);
    fs.writeSync(descriptor, bytes(name));
    fs.closeSync(descriptor);
  }
  fs.chmodSync(path, 0o755);
  fs.symlinkSync(generation, join(directory, '..data_tmp'));
  fs.renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
}

/** What publishing one volume takes: its directory, a generation, the names that users see, a record, and the mount. */
export function barePublish(volume: string, target: string, bytes: (name: string) => Uint8Array): void {
  const data = join(volume, 'data');
  fs.mkdirSync(volume, 0o700);
  fs.mkdirSync(data);
  fs.chmodSync(data, 0o755);
  bareWrite(data, '..generation', bytes);
  for (const name of NAMES) fs.symlinkSync(join('..data', name), join(data, name));
  bareFile(join(volume, 'record.tmp'), Buffer.alloc(1024, ' '), 0o600);
  fs.renameSync(join(volume, 'record.tmp'), join(volume, 'record.json'));
  const parent = openDirectoryWithoutLinks(dirname(target));
  fs.mkdirSync(target, 0o750);
  const targetFd = openDirectoryWithoutLinks(target);
  const mountFd = cloneMount(data);
  identifyFile(mountFd);
  setMountAttributes(mountFd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0);
  attachMount(mountFd, targetFd, target);
  for (const fd of [mountFd, targetFd, parent]) fs.closeSync(fd);
}

/** Undoes `barePublish`. */
export function bareUnpublish(volume: string, target: string): void {
  identifyFile(AT_FDCWD, target);
  umount(target, MNT_DETACH);
  fs.rmdirSync(target);
  const data = join(volume, 'data');
  fs.unlinkSync(join(data, '..data'));
  for (const name of NAMES) fs.unlinkSync(join(data, name));
  removeGeneration(join(data, '..generation'));
  fs.rmdirSync(data);
  fs.unlinkSync(join(volume, 'record.json'));
  fs.rmdirSync(volume);
}

function bareFile(path: string, bytes: Uint8Array, mode: number): void {
  const descriptor = fs.openSync(path, 'wx', 0o600);
  fs.writeSync(descriptor, bytes);
  fs.fchmodSync(descriptor, mode);
  fs.closeSync(descriptor);
}

function removeGeneration(path: string): void {
  for (const name of NAMES) fs.unlinkSync(join(path, name));
  fs.rmdirSync(path);
}
