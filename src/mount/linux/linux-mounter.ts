import { closeSync, openSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../base/errors.ts';
import type { MountFlag } from '../../volume/record.ts';
import { MOUNTINFO, type MountEntry, type MountTable, ProcMountTable, parseMountinfo } from './mount-table.ts';
import { type BoundMount, type Mounter, POOL_SOURCE, type PoolLimits } from './mounter.ts';
import { OpenedParent, type OpenedTarget } from './opened-target.ts';
import {
  AT_FDCWD,
  attachMount,
  cloneMount,
  cloneMountOf,
  type FileIdentity,
  identifyFile,
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
  umountInThread,
} from './system-calls.ts';

const ATTRIBUTE_OF: Readonly<Record<MountFlag, number>> = {
  noexec: MOUNT_ATTR_NOEXEC,
  nosymfollow: MOUNT_ATTR_NOSYMFOLLOW,
};

/** The other two of libuv's four threads stay free for the store and for files. */
const MAX_THREADS = 2;

/** Changes the mount table of the daemon's mount namespace. Needs CAP_SYS_ADMIN and Linux 5.12. */
export class LinuxMounter implements Mounter {
  readonly #noswap: boolean;
  #threads = 0;
  /** Start those that wait for a thread. */
  readonly #waiting: (() => void)[] = [];

  /** `noswap`: pools are never swapped out. Needs Linux 6.4. */
  constructor(options: { readonly noswap: boolean }) {
    this.#noswap = options.noswap;
  }

  mountPool(directory: string, { bytes, inodes }: PoolLimits): void {
    const options = `size=${bytes},nr_inodes=${inodes},mode=0700${this.#noswap ? ',noswap' : ''}`;
    mount(POOL_SOURCE, directory, 'tmpfs', MS_NOSUID | MS_NODEV, options);
  }

  unmount(directory: string): void {
    try {
      // Most volumes have nothing mounted on them, and this costs less than an unmount that fails.
      if (identifyFile(AT_FDCWD, directory).isMountRoot) umount(directory, MNT_DETACH);
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
      // A detached mount keeps its id when it is attached.
      const identity = identifyFile(mountFd);
      announce?.(identity);
      // Attributes first: the mount is never visible without them.
      setMountAttributes(mountFd, attributes, 0);
      attachMount(mountFd, target.fd, target.target);
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

  async unbindInThread(target: OpenedTarget): Promise<void> {
    if (this.#threads < MAX_THREADS) this.#threads += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await umountInThread(target.path, MNT_DETACH);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#threads -= 1;
      else next();
    }
  }

  adopt(publication: OpenedTarget, directory: string): void {
    const clear = Object.values(ATTRIBUTE_OF).reduce((set, attribute) => set | attribute, MOUNT_ATTR_RDONLY);
    const directoryFd = openSync(directory, O_PATH);
    try {
      const mountFd = cloneMountOf(publication.fd);
      try {
        setMountAttributes(mountFd, 0, clear);
        attachMount(mountFd, directoryFd, directory);
      } finally {
        closeSync(mountFd);
      }
    } finally {
      closeSync(directoryFd);
    }
  }

  identify(place: OpenedTarget | OpenedParent | string): FileIdentity {
    if (typeof place === 'string') return identifyFile(AT_FDCWD, place);
    return identifyFile(place.fd, place instanceof OpenedParent ? place.name : '');
  }

  table(): readonly MountEntry[] {
    return parseMountinfo(readFileSync(MOUNTINFO, 'utf8'));
  }

  watchTable(): MountTable {
    return new ProcMountTable();
  }
}
