import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import type { MountFlag } from '../../volume/record.ts';
import type { BoundMount, Mounter } from '../linux/mounter.ts';
import type { OpenedParent, OpenedTarget } from '../linux/opened-target.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { TargetRoots } from '../targets/target.ts';
import { findPublication } from './publication-root.ts';

/**
 * A publication's own mount, found again by its id, together with what it shows: an id is given to another mount as soon
 * as its mount is gone.
 */
export type Shown = Pick<FileIdentity, 'device' | 'inode' | 'mountId'>;

/** A file or directory of a volume, by a path of the daemon's own. */
type Source = { readonly path: string; readonly isDirectory: boolean };

export function isSame(a: Shown, b: Shown): boolean {
  return a.mountId === b.mountId && showsSame(a, b);
}

/** Whether both show one file or directory, by whatever mounts. */
function showsSame(a: Pick<Shown, 'device' | 'inode'>, b: Pick<Shown, 'device' | 'inode'>): boolean {
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

/** How often a mount is looked for that is moved about meanwhile. */
const ATTEMPTS = 5;

type Around = { readonly mounter: Mounter; readonly targets: TargetRoots };

/**
 * Takes the mount of a publication away, wherever it is by now, and the empty directory or file that it was on. Where it
 * is gone already, nothing happens; afterwards it is in no place of the mount table, or this throws:
 * `failed-precondition` when it is covered by another mount. Binds that others made of it stay.
 *
 * Whoever may write to a directory on the way can rename it, and the mount goes along with it. So a mount that is not at
 * its target is looked for in the table.
 */
export function uncover(target: string, known: Shown, around: Around): void {
  using parent = around.targets.openPublished(target);
  const there = parent && takeOff(parent, (found) => isSame(found, known), around.mounter);
  if (there !== 'ours') takeOffElsewhere(target, known, around);
  if (there === 'foreign') return;
  // What we refused to cover is not below it. What is shows the same volume, and is of an earlier daemon.
  while (
    parent?.removeEmpty() === false &&
    takeOff(parent, (found) => showsSame(found, known), around.mounter) === 'ours'
  );
}

/**
 * The same for a target that no record knows: takes away each mount there that `isOurs`. A file there stays, unless it was
 * what such a mount was on.
 */
function uncoverUnknown(parent: OpenedParent, isOurs: (found: FileIdentity) => boolean, mounter: Mounter): void {
  const there = takeOff(parent, isOurs, mounter);
  if (there === 'nothing') parent.removeEmptyDirectory();
  if (there !== 'ours') return;
  while (!parent.removeEmpty() && takeOff(parent, isOurs, mounter) === 'ours');
}

/** What was mounted at a target. Ours is not any more. */
type WasThere = 'ours' | 'foreign' | 'nothing';

/** Takes the topmost mount off the target when it `isOurs`. */
function takeOff(parent: OpenedParent, isOurs: (found: FileIdentity) => boolean, mounter: Mounter): WasThere {
  using existing = parent.openUnlessLink();
  if (existing === undefined) return 'nothing';
  const found = mounter.identify(existing);
  if (!found.isMountRoot) return 'nothing';
  if (!isOurs(found)) return 'foreign';
  try {
    mounter.unbind(existing);
  } catch (error) {
    throw toLanternError(error, `unmount the target "${parent.target}"`);
  }
  return 'ours';
}

function takeOffElsewhere(target: string, known: Shown, { mounter, targets }: Around): void {
  let place = target;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const mount = mounter.table().find(({ id, device }) => id === known.mountId && device === known.device);
    if (mount === undefined) return;
    place = mount.mountPoint;
    using parent = targets.openPublished(place);
    let isAnother = false;
    const isOurs = (found: FileIdentity): boolean => {
      isAnother = found.mountId === known.mountId && !isSame(found, known);
      return isSame(found, known);
    };
    if (parent !== undefined && takeOff(parent, isOurs, mounter) === 'ours') {
      // Somebody else's directory is not ours to tidy up.
      if (targets.allows(place)) parent.removeEmpty();
      return;
    }
    // The id is that of a later mount by now.
    if (isAnother) return;
  }
  throw new LanternError(
    'failed-precondition',
    `unmount the target "${target}": its mount is at "${place}" now, and cannot be reached there, since another mount covers it or somebody keeps moving it; unmount what is on top of it, then try again`,
  );
}

/**
 * Takes away what shows the volume of this home at a target that no record knows: from one of our own pools (`isPool`), or
 * from one that is not mounted any more. What another daemon mounted stays.
 */
export function clearTarget(
  parent: OpenedParent,
  home: string,
  isPool: (device: string) => boolean,
  mounter: Mounter,
): void {
  const isOurs = (found: FileIdentity): boolean => {
    const publication = findPublication(mounter, found);
    return publication?.home === home && (isPool(found.device) || !publication.isPoolMounted);
  };
  uncoverUnknown(parent, isOurs, mounter);
}
