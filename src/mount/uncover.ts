import { LanternError, toLanternError } from '../base/errors.ts';
import { isSame, type Shown, showsSame } from './cover.ts';
import type { Mounter } from './mounter.ts';
import type { OpenedParent } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';
import type { TargetRoots } from './target.ts';

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
export function uncoverUnknown(parent: OpenedParent, isOurs: (found: FileIdentity) => boolean, mounter: Mounter): void {
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
