import type { RelativePath } from '../spec/relative-path.ts';
import { POOL_SOURCE } from './mounter.ts';
import type { MountEntry } from './mountinfo.ts';

/** Which part of which volume a mount shows. Sub path and generation are undefined for the whole volume. */
export type PublicationRoot = {
  readonly home: string;
  readonly generation: string | undefined;
  readonly subPath: RelativePath | undefined;
};

/** Within a home, what is published; `layout` of volume/ agrees. */
const DATA = 'data';

/**
 * Reads the root field of a publication's mount: `/<home>/data`, or `/<home>/data/<generation>/<sub path>` for a pinned
 * one. That is how pins are found again after a restart, whatever became of the record. Undefined for other mounts.
 */
export function publicationRoot(mount: MountEntry): PublicationRoot | undefined {
  if (mount.fileSystem !== 'tmpfs' || mount.source !== POOL_SOURCE) return undefined;
  const [empty, home, data, generation, ...elements] = mount.root.replace(/\/\/deleted$/, '').split('/');
  if (empty !== '' || home === undefined || home === '' || data !== DATA) return undefined;
  if (generation === undefined) return { home, generation, subPath: undefined };
  // The kernel prints a path that was cleaned when it was bound.
  return elements.length === 0 ? undefined : { home, generation, subPath: elements.join('/') as RelativePath };
}
