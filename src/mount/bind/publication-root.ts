import type { RelativePath } from '../../spec/relative-path.ts';
import { DATA_DIRECTORY } from '../../volume/layout.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import { POOL_SOURCE } from '../linux/mounter.ts';

/** The part of a volume that a mount shows. Sub path and generation are undefined for the whole volume. */
export type PublicationRoot = {
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
