import { closeSync, openSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../base/errors.ts';
import type { MountFlag } from '../../volume/record.ts';
import { MOUNTINFO, type MountEntry, type MountTable, ProcMountTable, parseMountinfo } from './mount-table.ts';
import { type BoundMount, type Mounter, POOL_SOURCE, type PoolLimits } from './mounter.ts';
import type { OpenedTarget } from './opened-target.ts';
import {
  attachMount,
  cloneMount,
  cloneMountOf,
  type FileIdentity,
  identifyFile,
  identifyPath,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MS_NODEV,
  MS_NOSUID,
  mount,
  O_PATH,
  setMountAttributes,
  umount,
} from './system-calls.ts';

const ATTRIBUTE_OF: Readonly<Record<MountFlag, number>> = {
  noexec: MOUNT_ATTR_NOEXEC,
  nosymfollow: MOUNT_ATTR_NOSYMFOLLOW,
};

/** The real mount table, in the daemon's mount namespace. Needs CAP_SYS_ADMIN and Linux 5.12. */
export class LinuxMounter implements Mounter {
  readonly #noswap: boolean;

  /** `noswap`: pools are never swapped out; Linux 6.4 and newer have it. */
  constructor(options: { readonly noswap: boolean }) {
    this.#noswap = options.noswap;
  }

  mountPool(directory: string, { bytes, inodes }: PoolLimits): void {
    const options = `size=${bytes},nr_inodes=${inodes},mode=0700${this.#noswap ? ',noswap' : ''}`;
    mount(POOL_SOURCE, directory, 'tmpfs', MS_NOSUID | MS_NODEV, options);
  }

  unmount(directory: string): void {
    try {
      // Asking costs less than being refused, and most volumes have nothing mounted on them.
      if (identifyPath(directory).isMountRoot) umount(directory, MNT_DETACH);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'EINVAL' && errno !== 'ENOENT') throw error;
    }
  }

  bind(
    source: string,
    target: OpenedTarget,
    flags: readonly MountFlag[],
    announce?: (mount: FileIdentity) => void,
  ): BoundMount {
    const wanted = flags.reduce((set, flag) => set | ATTRIBUTE_OF[flag], 0);
    const attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | wanted;
    const mountFd = cloneMount(source);
    try {
      // A detached mount has the id already that it will have where it is attached.
      const identity = identifyFile(mountFd);
      announce?.(identity);
      attach(mountFd, { set: attributes, clear: 0 }, target.fd, target.target);
      return {
        identity,
        undo: () => umount(`/proc/self/fd/${mountFd}`, MNT_DETACH),
        [Symbol.dispose]: () => closeSync(mountFd),
      };
    } catch (error) {
      closeSync(mountFd);
      throw error;
    }
  }

  unbind(target: OpenedTarget): void {
    umount(target.path, MNT_DETACH);
  }

  adopt(publication: OpenedTarget, directory: string): void {
    const clear = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
    const directoryFd = openSync(directory, O_PATH);
    try {
      const mountFd = cloneMountOf(publication.fd);
      try {
        attach(mountFd, { set: 0, clear }, directoryFd, directory);
      } finally {
        closeSync(mountFd);
      }
    } finally {
      closeSync(directoryFd);
    }
  }

  identify(place: OpenedTarget | string): FileIdentity {
    return typeof place === 'string' ? identifyPath(place) : identifyFile(place.fd);
  }

  table(): readonly MountEntry[] {
    return parseMountinfo(readFileSync(MOUNTINFO, 'utf8'));
  }

  watchTable(): MountTable {
    return new ProcMountTable();
  }
}

/** Gives the detached mount its attributes, then attaches it: it is never visible without them. */
function attach(
  mountFd: number,
  attributes: { readonly set: number; readonly clear: number },
  targetFd: number,
  target: string,
): void {
  setMountAttributes(mountFd, attributes.set, attributes.clear);
  attachMount(mountFd, targetFd, target);
}
