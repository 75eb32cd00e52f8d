import type { Mounter } from './mounter.ts';
import type { OpenedParent } from './opened-target.ts';
import { findPublication } from './publication-root.ts';
import type { FileIdentity } from './system-calls.ts';
import { uncoverUnknown } from './uncover.ts';

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
