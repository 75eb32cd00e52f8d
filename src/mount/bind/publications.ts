import { errnoOf, fallbackOnErrno, LanternError, toLanternError } from '../../base/errors.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import { DATA_DIRECTORY } from '../../volume/layout.ts';
import type { MountFlag } from '../../volume/record.ts';
import type { FileSystemPlace } from '../../volume/retirement.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { OpenedParent, OpenedTarget } from '../linux/opened-target.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { PublishedTarget } from '../publisher.ts';
import type { TargetRoots } from '../targets/target-roots.ts';
import type { Pools } from './pools.ts';
import { type PublicationRoot, publicationRoot } from './publication-root.ts';

/** Identifies a publication's mount: by id and by what it shows, since the kernel reuses the id of a mount at once. */
type Shown = Pick<FileIdentity, 'device' | 'inode' | 'mountId'>;

export type Publication = Shown & PublishedTarget & { readonly subPath: RelativePath | undefined };

/** All have one shape, which thousands of objects share. */
export function publicationOf(
  { device, inode, mountId }: Shown,
  subPath: Publication['subPath'],
  pinnedGeneration: Publication['pinnedGeneration'],
): Publication {
  return { device, inode, mountId, subPath, pinnedGeneration };
}

export function isSame(a: Shown, b: Shown): boolean {
  return a.mountId === b.mountId && a.device === b.device && a.inode === b.inode;
}

/** True if both show the same file or directory, also by different mounts. */
function showsSame(a: Pick<Shown, 'device' | 'inode'>, b: Pick<Shown, 'device' | 'inode'>): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** True if `found` shows the file or directory at `path`, which is missing if a pool's contents were removed. */
export function isShowing(found: FileIdentity, path: string, mounter: Mounter): boolean {
  try {
    return showsSame(found, mounter.identify(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The id of no mount. */
const NO_MOUNT = -1;

/** Publications of one volume, by the real paths of their targets. */
export class BoundPublications {
  readonly #mounter: Mounter;
  readonly #byTarget = new Map<string, Publication>();
  /** Present places of mounts that left their targets because somebody renamed a directory on the way, if any did. */
  #moved: Map<string, string> | undefined;

  constructor(mounter: Mounter) {
    this.#mounter = mounter;
  }

  get targets(): readonly string[] {
    return [...this.#byTarget.keys()];
  }

  get(target: string): Publication | undefined {
    return this.#byTarget.get(target);
  }

  get hasWhole(): boolean {
    return [...this.#byTarget.values()].some(({ subPath }) => subPath === undefined);
  }

  set(target: string, publication: Publication): void {
    for (const [other, known] of this.#byTarget) {
      // Others removed that mount, and the kernel gave its id to this one, which shows the same directory.
      if (other !== target && isSame(known, publication)) this.#byTarget.set(other, { ...known, mountId: NO_MOUNT });
    }
    this.#byTarget.set(target, publication);
    this.#moved?.delete(target);
  }

  delete(target: string): void {
    this.#byTarget.delete(target);
    this.#moved?.delete(target);
  }

  /** Returns a sentence for each publication that shows a part of one of these damaged generations. */
  damaged(generations: ReadonlySet<string>): readonly string[] {
    if (generations.size === 0) return [];
    return [...this.#byTarget].flatMap(([target, { subPath, pinnedGeneration = '' }]) => {
      if (!generations.has(pinnedGeneration)) return [];
      const part = `the subPath "${subPath}" at "${target}"`;
      return [`what ${part} shows was changed on disk, and stays so until it is unmounted and mounted again`];
    });
  }

  /** Targets whose mount is not where it was seen last. Makes one system call per publication. */
  get displaced(): readonly string[] {
    return this.targets.filter((target) => !this.#isAt(this.#moved?.get(target) ?? target, target));
  }

  /** Displaced targets whose mounts are nowhere in this table, which must be read after `displaced`. */
  vanished(table: ReadonlyMap<number, MountEntry>): readonly string[] {
    return this.displaced.filter((target) => {
      const known = this.#byTarget.get(target);
      const mount = known && table.get(known.mountId);
      if (mount === undefined || mount.device !== known?.device) return true;
      this.#moved ??= new Map();
      this.#moved.set(target, mount.mountPoint);
      const found = this.#tryIdentify(mount.mountPoint);
      // A mount that shows something else is a later one with the same id. A mount that is only covered still exists.
      return found?.mountId === known.mountId && !isSame(found, known);
    });
  }

  #isAt(place: string, target: string): boolean {
    const known = this.#byTarget.get(target);
    const found = this.#tryIdentify(place);
    return known !== undefined && found !== undefined && isSame(found, known);
  }

  /** Follows links, which does no harm: nobody can forge a mount's id. */
  #tryIdentify(path: string): FileIdentity | undefined {
    return fallbackOnErrno(() => this.#mounter.identify(path), undefined);
  }
}

/** A file or directory of a volume, by a path of the daemon's own. */
type Source = { readonly path: string; readonly isDirectory: boolean };

/**
 * Binds `source` at the target, created if `existing` is undefined. Throws `failed-precondition` if it would hide
 * something, `aborted` if somebody replaced it meanwhile. A failure leaves nothing. `announce` as in `Mounter.bind`.
 */
export function cover(
  parent: OpenedParent,
  existing: OpenedTarget | undefined,
  source: Source,
  flags: readonly MountFlag[],
  mounter: Mounter,
  announce: (mount: Shown) => void,
): Shown {
  if (existing !== undefined) requireCoverable(existing, source);
  using target = existing ?? (source.isDirectory ? parent.createDirectory() : parent.createFile());
  try {
    using bound = mounter.bind(source.path, target, flags, announce);
    // The descriptor led the mount to the directory that was checked, but an owner of the parent may have renamed that
    // one before. A mount point cannot be renamed, so one look is enough.
    let isVisible = false;
    try {
      isVisible = isSame(mounter.identify(parent), bound.identity);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    } finally {
      if (!isVisible) bound.undo();
    }
    if (isVisible) return bound.identity;
    throw new LanternError(
      'aborted',
      `mount a volume at the target "${parent.target}": somebody replaced the target meanwhile; try again`,
    );
  } catch (error) {
    if (existing === undefined) parent.removeEmpty();
    throw toLanternError(error, `mount a volume at the target "${parent.target}"`);
  }
}

function requireCoverable(existing: OpenedTarget, source: Source): void {
  const refuse = (obstacle: string): LanternError =>
    new LanternError('failed-precondition', `mount a volume at the target "${existing.target}": ${obstacle}`);
  if (existing.isDirectory !== source.isDirectory) {
    const [wanted, found] = source.isDirectory ? ['directory', 'file'] : ['file', 'directory'];
    throw refuse(`the volume needs a ${wanted} there, and a ${found} exists; remove it, or choose another target`);
  }
  if (existing.isEmpty()) return;
  throw refuse(
    existing.isDirectory
      ? 'the directory has contents, which the volume would hide; empty it, or choose another target'
      : 'the file has contents, or is not a regular file; remove it, or choose another target',
  );
}

export function foreign(existing: OpenedTarget, obstacle: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `mount a volume at the target "${existing.target}": ${obstacle}; unmount it first, or choose another target`,
  );
}

/** Limits the lookups of a mount that somebody keeps moving. */
const ATTEMPTS = 5;

type MountedTargets = { readonly mounter: Mounter; readonly targets: TargetRoots };

/** Yields each mount that its caller has to unmount before the next step, and holds it open until then. */
export type Unmounting<T = void> = Generator<OpenedTarget, T, void>;

/** Unmounts at once. Throws, as `unmountInThread` does, the errno's error within `unmount the target …`. */
export function unmountNow(steps: Unmounting, mounter: Mounter): void {
  for (const mount of steps) {
    try {
      mounter.unbind(mount);
    } catch (error) {
      throw unmountFailure(error, mount);
    }
  }
}

/** Unmounts in another thread, since umount2(2) waits until no processor uses the mount. */
export async function unmountInThread(steps: Unmounting, mounter: Mounter): Promise<void> {
  for (const mount of steps) {
    try {
      await mounter.unbindInThread(mount);
    } catch (error) {
      throw unmountFailure(error, mount);
    }
  }
}

function unmountFailure(error: unknown, { target }: OpenedTarget): LanternError {
  return toLanternError(error, `unmount the target "${target}"`);
}

/**
 * Unmounts a publication, if it exists, and removes the empty directory or file it was mounted on. Binds that others
 * made of it stay. Afterwards it is nowhere in the mount table, or this throws `failed-precondition`: another mount
 * covers it. A mount moves along when users rename a directory on the way, so it is then looked up in the table.
 */
export function* uncovering(target: string, known: Shown, { mounter, targets }: MountedTargets): Unmounting {
  using parent = targets.openPublished(target);
  const found = parent && (yield* unmountingIf(parent, (mount) => isSame(mount, known), mounter));
  if (found !== 'ours') yield* unmountingElsewhere(target, known, { mounter, targets });
  if (found === 'foreign' || parent === undefined) return;
  // A mount below it that shows the same volume is an earlier daemon's: this one covers nothing else.
  while (!parent.removeEmpty()) {
    if ((yield* unmountingIf(parent, (mount) => showsSame(mount, known), mounter)) !== 'ours') return;
  }
}

/** 'ours' is unmounted now. */
type FoundMount = 'ours' | 'foreign' | 'nothing';

/** Unmounts the topmost mount at the target if it `isOurs`. */
function* unmountingIf(
  parent: OpenedParent,
  isOurs: (found: FileIdentity) => boolean,
  mounter: Mounter,
): Unmounting<FoundMount> {
  using existing = parent.openAny();
  if (existing === undefined) return 'nothing';
  const found = mounter.identify(existing);
  if (!found.isMountRoot) return 'nothing';
  if (!isOurs(found)) return 'foreign';
  yield existing;
  return 'ours';
}

function* unmountingElsewhere(target: string, known: Shown, { mounter, targets }: MountedTargets): Unmounting {
  let place = target;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const mount = mounter.table().find(({ id, device }) => id === known.mountId && device === known.device);
    if (mount === undefined) return;
    place = mount.mountPoint;
    using parent = targets.openPublished(place);
    let isReused = false;
    const isOurs = (found: FileIdentity): boolean => {
      isReused = found.mountId === known.mountId && !isSame(found, known);
      return isSame(found, known);
    };
    if (parent !== undefined && (yield* unmountingIf(parent, isOurs, mounter)) === 'ours') {
      // Outside the roots the directory is somebody else's, and stays.
      if (targets.allows(place)) parent.removeEmpty();
      return;
    }
    // The id belongs to a later mount by now.
    if (isReused) return;
  }
  throw new LanternError(
    'failed-precondition',
    `unmount the target "${target}": its mount is at "${place}" now and cannot be reached, because another mount covers it or somebody keeps moving it; unmount what covers it, then try again`,
  );
}

/**
 * Unmounts the volume of this home at a target that no record knows: mounts from the daemon's own pools, or from one
 * that is not mounted any more. Another daemon's mounts stay, and so does a file that no such mount was on.
 */
export function* clearing(parent: OpenedParent, home: string, pools: Pools, mounter: Mounter): Unmounting {
  const isOurs = (found: FileIdentity): boolean => {
    const publication = findPublication(mounter, found);
    return publication?.home === home && (pools.hasDevice(found.device) || !publication.isPoolMounted);
  };
  const found = yield* unmountingIf(parent, isOurs, mounter);
  if (found === 'nothing') parent.removeEmptyDirectory();
  if (found !== 'ours') return;
  while (!parent.removeEmpty()) if ((yield* unmountingIf(parent, isOurs, mounter)) !== 'ours') return;
}

/** True if a place in the mount table is the data directory of this home, which the daemon finds at `path`. */
export function isDataOf(home: string, path: string, place: FileSystemPlace, mounter: Mounter): boolean {
  if (place.directory !== `/${home}/${DATA_DIRECTORY}`) return false;
  // An adopted publication has another device than the pool. Without a pool, `path` is missing.
  return fallbackOnErrno(() => mounter.identify(path).device === place.device, false);
}

type FoundPublication = PublicationRoot & {
  /** False for an orphan, whose pool is not mounted any more. Another daemon's pool counts as mounted. */
  readonly isPoolMounted: boolean;
};

/** Reads the whole mount table. Undefined if the mount is not a publication. */
export function findPublication(mounter: Mounter, found: FileIdentity): FoundPublication | undefined {
  const table = mounter.table();
  const mount = table.find(({ id }) => id === found.mountId);
  const root = mount && publicationRoot(mount);
  const isPoolMounted = table.some(({ device, root }) => device === found.device && root === '/');
  return root && { ...root, isPoolMounted };
}
