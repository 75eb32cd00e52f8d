import { fallbackOnErrno } from '../../base/errors.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import { DATA_DIRECTORY } from '../../volume/layout.ts';
import type { FileSystemPlace } from '../../volume/retirement.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import { type Mounter, POOL_SOURCE } from '../linux/mounter.ts';
import type { FileIdentity } from '../linux/system-calls.ts';

/** The part of a volume that a mount shows. Sub path and generation are undefined for the whole volume. */
type PublicationRoot = {
  readonly home: string;
  readonly generation: string | undefined;
  readonly subPath: RelativePath | undefined;
  /** True if somebody removed it from its pool: the mount shows an empty directory or a nameless file for good. */
  readonly isDeleted: boolean;
};

const DELETED = '//deleted';

/**
 * Reads the root field of a publication's mount: `/<home>/data`, or `/<home>/data/<generation>/<sub path>` for a pinned
 * one. This finds pins after a restart, even without a record. Undefined for other mounts.
 */
export function publicationRoot(mount: MountEntry): PublicationRoot | undefined {
  if (mount.fileSystem !== 'tmpfs' || mount.source !== POOL_SOURCE) return undefined;
  const [empty, home, data, generation, ...elements] = mount.root.replace(DELETED, '').split('/');
  const isDeleted = mount.root.endsWith(DELETED);
  if (empty !== '' || home === undefined || home === '' || data !== DATA_DIRECTORY) return undefined;
  if (generation === undefined) return { home, generation, subPath: undefined, isDeleted };
  if (elements.length === 0) return undefined;
  // The kernel prints a clean path.
  return { home, generation, subPath: elements.join('/') as RelativePath, isDeleted };
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
  return root && { ...root, isPoolMounted: isPoolMounted(table, found.device) };
}

export function isPoolMounted(table: readonly MountEntry[], device: string): boolean {
  return table.some((mount) => mount.device === device && mount.root === '/');
}
