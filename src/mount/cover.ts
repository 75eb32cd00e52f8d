import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import type { MountFlag } from '../volume/record.ts';
import type { BoundMount, Mounter } from './mounter.ts';
import type { OpenedParent, OpenedTarget } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';

/**
 * A publication's own mount, found again by its id, together with what it shows: an id is given to another mount as soon
 * as its mount is gone.
 */
export type Shown = Pick<FileIdentity, 'device' | 'inode' | 'mountId'>;

/** A file or directory of a volume, by a path of the daemon's own. */
export type Source = { readonly path: string; readonly isDirectory: boolean };

export function isSame(a: Shown, b: Shown): boolean {
  return a.mountId === b.mountId && showsSame(a, b);
}

/** Whether both show one file or directory, by whatever mounts. */
export function showsSame(a: Pick<Shown, 'device' | 'inode'>, b: Pick<Shown, 'device' | 'inode'>): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** Whether what was found shows what is at this path of the daemon's own. Nothing is there when a pool's contents were removed. */
export function isShowing(found: FileIdentity, path: string, mounter: Mounter): boolean {
  try {
    return showsSame(found, mounter.identify(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Shows `source` at the target, making the target when nothing is there (`existing` is undefined). `failed-precondition`
 * when the target would hide something; `aborted` when somebody moved it away meanwhile. On failure nothing is left that
 * was not there. `announce` as in `Mounter.bind`.
 */
export function cover(
  parent: OpenedParent,
  existing: OpenedTarget | undefined,
  source: Source,
  flags: readonly MountFlag[],
  mounter: Mounter,
  announce: (mount: Shown) => void,
): Shown {
  if (existing !== undefined) {
    requireCoverable(existing, source);
    return bind(parent, existing, source, flags, mounter, announce);
  }
  using created = source.isDirectory ? parent.createDirectory() : parent.createFile();
  try {
    return bind(parent, created, source, flags, mounter, announce);
  } catch (error) {
    parent.removeEmpty();
    throw error;
  }
}

function bind(
  parent: OpenedParent,
  target: OpenedTarget,
  source: Source,
  flags: readonly MountFlag[],
  mounter: Mounter,
  announce: (mount: Shown) => void,
): Shown {
  try {
    using bound = mounter.bind(source.path, target, flags, announce);
    if (isVisible(parent, bound, mounter)) return bound.identity;
    bound.undo();
  } catch (error) {
    throw toLanternError(error, `mount a volume at the target "${parent.target}"`);
  }
  throw new LanternError(
    'aborted',
    `mount a volume at the target "${parent.target}": somebody replaced the target meanwhile; try again`,
  );
}

/**
 * The descriptor led the mount to the directory that was checked, but whoever owns the parent may have renamed that one. A
 * mount point cannot be renamed any more, so looking once is enough. What cannot be looked at is taken away again.
 */
function isVisible(parent: OpenedParent, bound: BoundMount, mounter: Mounter): boolean {
  try {
    using visible = parent.openUnlessLink();
    return visible !== undefined && isSame(mounter.identify(visible), bound.identity);
  } catch (error) {
    bound.undo();
    throw error;
  }
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

/** A mount at the target that stays. */
export function foreign(existing: OpenedTarget, obstacle: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `mount a volume at the target "${existing.target}": something is mounted there, and ${obstacle}; unmount that first, or choose another target`,
  );
}
