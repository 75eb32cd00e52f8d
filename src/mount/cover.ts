import { LanternError, toLanternError } from '../base/errors.ts';
import type { MountFlag } from '../volume/record.ts';
import type { Mounter } from './mounter.ts';
import type { OpenedParent, OpenedTarget } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';

/** What a publication shows, found again by device and inode. */
export type Shown = Pick<FileIdentity, 'device' | 'inode'>;

/** A file or directory of a volume, by a path of the daemon's own. */
export type Source = { readonly path: string; readonly isDirectory: boolean };

export function isSame(a: Shown, b: Shown): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/**
 * Shows `source` at the target, making the target when nothing is there (`existing` is undefined). `failed-precondition`
 * when the target would hide something; `aborted` when somebody moved it away meanwhile. On failure nothing is left that
 * was not there.
 */
export function cover(
  parent: OpenedParent,
  existing: OpenedTarget | undefined,
  source: Source,
  flags: readonly MountFlag[],
  mounter: Mounter,
): Shown {
  if (existing !== undefined) {
    requireCoverable(existing, source);
    return bind(parent, existing, source, flags, mounter);
  }
  using created = source.isDirectory ? parent.createDirectory() : parent.createFile();
  try {
    return bind(parent, created, source, flags, mounter);
  } catch (error) {
    parent.removeEmpty();
    throw error;
  }
}

/**
 * Takes every mount that `isOurs` off the target, then the empty directory or file that is left. Whatever else is
 * there stays, and is no failure.
 */
export function uncover(parent: OpenedParent, isOurs: (found: FileIdentity) => boolean, mounter: Mounter): void {
  for (;;) {
    using existing = parent.openUnlessLink();
    if (existing === undefined) break;
    const found = mounter.identify(existing);
    if (!found.isMountRoot) break;
    if (!isOurs(found)) return;
    try {
      mounter.unbind(existing);
    } catch (error) {
      throw toLanternError(error, `unmount the target "${parent.target}"`);
    }
    // There is seldom anything below.
    if (parent.removeEmpty()) return;
  }
  parent.removeEmpty();
}

function bind(
  parent: OpenedParent,
  target: OpenedTarget,
  source: Source,
  flags: readonly MountFlag[],
  mounter: Mounter,
): Shown {
  try {
    const wanted = mounter.identify(source.path);
    using bound = mounter.bind(source.path, target, flags);
    // The descriptor led the mount to the directory that was checked, but whoever owns the parent may have renamed that
    // one. A mount point cannot be renamed any more, so looking once is enough.
    using visible = parent.openUnlessLink();
    if (visible !== undefined && isSame(mounter.identify(visible), wanted)) return wanted;
    bound.undo();
  } catch (error) {
    throw toLanternError(error, `mount a volume at the target "${parent.target}"`);
  }
  throw new LanternError(
    'aborted',
    `mount a volume at the target "${parent.target}": somebody replaced the target meanwhile; try again`,
  );
}

function requireCoverable(existing: OpenedTarget, source: Source): void {
  const refuse = (obstacle: string): LanternError =>
    new LanternError('failed-precondition', `mount a volume at the target "${existing.target}": ${obstacle}`);
  if (existing.isDirectory !== source.isDirectory) {
    const [wanted, found] = source.isDirectory ? ['directory', 'file'] : ['file', 'directory'];
    throw refuse(`a ${wanted} is to be mounted and a ${found} is there; remove it, or choose another target`);
  }
  if (existing.isEmpty()) return;
  throw refuse(
    existing.isDirectory
      ? 'the directory has contents, which the volume would hide; empty it, or choose another target'
      : 'the file has contents, or is no plain file; remove it, or choose another target',
  );
}
