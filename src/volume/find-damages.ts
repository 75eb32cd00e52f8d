import type { Steps } from '../base/steps.ts';
import { changedPaths, hasSameDirectories } from './generation-contents.ts';
import { KnownVolume } from './known-volume.ts';
import { DATA_LINK } from './layout.ts';

const SETGID = 0o2000;

/**
 * What is on disk against what is known to have been written, bytes included: a phrase for each difference, for
 * messages. Strangers' files beside the volume's own are none.
 */
export function* findDamages(known: KnownVolume): Steps<string[]> {
  const found = new KnownVolume(known.fs, known.directory);
  yield* found.reading();
  const [before, now] = [known.listing, found.listing];
  const damages: string[] = [];
  // Without a mount group, the group is its maker's business.
  const isGroups = (before.root.mode & SETGID) !== 0;
  if (before.root.mode !== now.root.mode || (isGroups && before.root.group !== now.root.group)) {
    damages.push("the directory's mode or group was changed");
  }
  for (const name of before.links) {
    if (now.links.has(name)) continue;
    damages.push(`"${name}" ${now.strangers.has(name) ? 'was replaced' : 'was removed'}`);
  }
  for (const name of now.links) if (!before.links.has(name)) damages.push(`"${name}" was added`);
  for (const name of now.generations) if (!before.generations.has(name)) damages.push(`"${name}" was added`);
  if (now.hasNextDataLink) damages.push('a link beside "..data" was added');
  if (before.generation !== now.generation) {
    damages.push(`"${DATA_LINK}" did not lead to what was written`);
    return damages;
  }
  for (const path of yield* changedPaths(known.contents.files, found.contents.files)) {
    if (isUnreadable(path, known, found)) continue;
    damages.push(`the file "${path}" ${differenceOf(path, known, found)}`);
  }
  if (!hasSameDirectories(found.contents, known.contents)) damages.push('its directories were changed');
  return damages;
}

/** A file of mode 0 that a daemon without privileges cannot read back: as it was, as far as anybody can say. */
function isUnreadable(path: string, known: KnownVolume, found: KnownVolume): boolean {
  const [before, now] = [known.contents.files.get(path), found.contents.files.get(path)];
  if (before === undefined || now === undefined || now.read() !== undefined) return false;
  return before.size === now.size && before.mode === now.mode && before.user === now.user && before.group === now.group;
}

function differenceOf(path: string, known: KnownVolume, found: KnownVolume): string {
  if (!found.contents.files.has(path)) return 'was removed';
  return known.contents.files.has(path) ? 'was changed' : 'was added';
}
