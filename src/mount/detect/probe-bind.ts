import { chownSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { obstacleOf as describeObstacle, errnoOf } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { LinuxMounter } from '../linux/linux-mounter.ts';
import { OpenedParent } from '../linux/opened-target.ts';
import { openDirectoryWithoutLinks } from '../linux/system-calls.ts';

export type BindProbe =
  | {
      readonly works: true;
      /** True if the kernel can keep pools out of swap. */
      readonly noswap: boolean;
      readonly canChangeOwners: boolean;
    }
  | { readonly works: false; readonly obstacle: string };

/** Mounts for a test: security modules, seccomp and user namespaces can forbid it despite the capability bits. */
export function probeBind(runDirectory: string): BindProbe {
  const scratch = join(runDirectory, 'probe');
  try {
    makeDirectories(scratch, 0o700);
    // A killed probe may have left its mount.
    new LinuxMounter({ noswap: false }).unmount(scratch);
    return probeIn(scratch);
  } catch (error) {
    return { works: false, obstacle: obstacleOf(error) };
  } finally {
    removeScratch(scratch);
  }
}

function probeIn(scratch: string): BindProbe {
  const limits = { bytes: 65_536, inodes: 16 };
  // Needs Linux 6.4, and is refused in a user namespace.
  const noswap = failureOf(() => new LinuxMounter({ noswap: true }).mountPool(scratch, limits)) === undefined;
  const mounter = new LinuxMounter({ noswap });
  if (!noswap) mounter.mountPool(scratch, limits);
  try {
    mkdirSync(join(scratch, 'source'));
    const canChangeOwners = failureOf(() => chownSync(join(scratch, 'source'), 1, 1)) === undefined;
    using parent = new OpenedParent(openDirectoryWithoutLinks(scratch), join(scratch, 'target'), 'target');
    using target = parent.createDirectory();
    using _bound = mounter.bind(join(scratch, 'source'), target, []);
    const isReadOnly = errnoOf(failureOf(() => writeFileSync(join(scratch, 'target', 'file'), ''))) === 'EROFS';
    return isReadOnly
      ? { works: true, noswap, canChangeOwners }
      : { works: false, obstacle: 'a read-only bind can be written to' };
  } finally {
    mounter.unmount(scratch);
  }
}

function failureOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The reason why mounting failed, as the end of a sentence. */
export function obstacleOf(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOSYS':
      return `the kernel (${release()}) or a seccomp filter lacks the mount calls of Linux 5.12`;
    case 'EPERM':
    case 'EACCES':
      return 'mounting is not permitted to this process (check CAP_SYS_ADMIN, seccomp and AppArmor)';
    default:
      return describeObstacle(error);
  }
}

function removeScratch(scratch: string): void {
  try {
    rmdirSync(scratch);
  } catch {
    // An empty directory does no harm; only the probe's result matters.
  }
}
