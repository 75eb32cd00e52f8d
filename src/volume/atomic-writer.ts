import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import { createFile, removingTree, tryRemovingTree } from './file-system.ts';
import {
  bytesHeld,
  changedPaths,
  contentsOf,
  directoryAttributes,
  type GenerationContents,
  hasSameDirectories,
} from './generation-contents.ts';
import type { KnownVolume } from './known-volume.ts';
import { DATA_LINK, type GenerationNames, NEXT_DATA_LINK, visibleLinkTarget } from './layout.ts';
import { firstElement, requireWritable } from './require-writable.ts';
import type { Retirement } from './retirement.ts';

/** What a write did. */
export type WriteOutcome = {
  /** False: the contents were equal already and nothing was touched. */
  readonly changed: boolean;
  readonly generation: string;
  /** The generation before; undefined for the first. */
  readonly previous: string | undefined;
  /** Paths added, removed or different in bytes, mode or owner, sorted. */
  readonly changedPaths: readonly string[];
};

type AtomicWriteOptions = {
  readonly volume: KnownVolume;
  readonly names: GenerationNames;
  readonly retirement: Retirement;
  /** Throws when a new generation of this payload would not fit. */
  readonly requireRoom: (payload: Payload) => void;
};

/**
 * Makes the volume show the payload, in an order in which a reader, and a process that comes after a crash, only ever
 * find the old contents or the new ones:
 *
 *  0. Sweep what a crash left: a stale `..data_tmp`, generations that nobody is to see any more.
 *  1. Validate every path; one bad path refuses the whole payload.
 *  2. Read the current generation; known already unless this is the first write, or follows a failed one.
 *  3. Compare bytes, modes, owners, paths and visible links. All equal: nothing happens.
 *  4. Make the directory of the new generation, when there is room for it.
 *  5. Make its directories, and its files: created 0600, written, given to their owners, then their modes.
 *  6. Give the directories to the mount group, and their modes whatever the umask.
 *  7. Make the link `..data_tmp` to the new generation.
 *  8. Rename it over `..data`. This is the one atomic point.
 *  9. Make the visible links that are missing.
 * 10. Remove the visible links whose element is gone.
 * 11. Retire the old generation.
 *
 * A failure before 8 takes the new generation away again. After any failure the caller has the volume forgotten, so
 * that the next write starts from what is on disk and finishes what is missing. Between two steps of the work others
 * may have their turn: readers find the old contents until 8, and nobody else may write here meanwhile.
 */
export function* writeAtomically(
  payload: Payload,
  { volume, names, retirement, requireRoom }: AtomicWriteOptions,
): Steps<WriteOutcome> {
  const { fs } = volume;

  yield* volume.reading();

  // 0
  yield* sweep(volume, retirement);

  // 1
  yield* requireWritable(payload, foreignNames(volume));

  yield;

  // 2
  const before = volume.contents;
  const { listing } = volume;
  const { generation: previous, links } = listing;

  // 3
  yield;
  const after = contentsOf(payload, fs.owner);
  const elements = new Set([...after.files.keys()].map(firstElement));
  yield;
  const changed = yield* changedPaths(visibleFiles(before, links), after.files);
  const isSettled = hasSameDirectories(before, after) && isSameSet(links, elements) && isRootSettled(volume, payload);
  if (previous !== undefined && changed.length === 0 && isSettled) {
    return { changed: false, generation: previous, previous, changedPaths: [] };
  }

  // 4
  yield;
  requireRoom(payload);
  settleRoot(volume, payload);
  const generation = names.next(listing.generations);
  const directory = volume.at(generation);
  try {
    fs.mkdir(directory, 0o700);
    listing.generations.add(generation);

    // 5
    for (const path of after.directories.keys()) {
      if (path !== '') fs.mkdir(`${directory}/${path}`, 0o700);
      yield;
    }
    for (const [path, { bytes, mode, user, group = payload.mountGroup }] of payload.files) {
      createFile(fs, `${directory}/${path}`, bytes, { user, group }, mode);
      yield;
    }

    // 6
    for (const [path, { mode }] of after.directories) {
      settleDirectory(volume, path === '' ? directory : `${directory}/${path}`, payload.mountGroup, mode);
      yield;
    }

    // 7
    if (listing.hasFalseDataLink) yield* makeWay(volume, DATA_LINK);
    listing.hasFalseDataLink = false;
    fs.symlink(generation, volume.at(NEXT_DATA_LINK));

    // 8
    fs.rename(volume.at(NEXT_DATA_LINK), volume.at(DATA_LINK));
  } catch (error) {
    yield* takeBack(volume, generation);
    throw error;
  }
  const replaced = bytesHeld(before);
  volume.showing(generation, after);

  try {
    // 9
    for (const name of elements) {
      if (links.has(name)) continue;
      link(volume, name);
      links.add(name);
      yield;
    }

    // 10
    for (const name of [...links]) {
      if (elements.has(name)) continue;
      unlinkIfThere(volume, name);
      links.delete(name);
      yield;
    }
  } finally {
    // 11
    if (previous !== undefined) retirement.retire(previous, replaced);
  }
  return { changed: true, generation, previous, changedPaths: changed };
}

/** Costs nothing when nothing is left over: what is on disk is known. What others show of an earlier process' stays. */
function* sweep(volume: KnownVolume, retirement: Retirement): Steps<void> {
  const { listing } = volume;
  if (listing.hasNextDataLink) {
    yield* makeWay(volume, NEXT_DATA_LINK);
    listing.hasNextDataLink = false;
  }
  const left = [...listing.generations].filter((generation) => {
    return generation !== listing.generation && !retirement.keeps(generation);
  });
  for (const generation of yield* retirement.sparing(left)) {
    // What cannot be removed (something is mounted on it, say) must not stand in the way of updates.
    if (yield* tryRemovingTree(volume.fs, volume.at(generation))) listing.generations.delete(generation);
  }
}

/** What has these names is not ours, and never was: it stays. */
function foreignNames(volume: KnownVolume): ReadonlySet<string> {
  const { strangers } = volume.listing;
  if (strangers.size === 0) return strangers;
  const shown = new Set([...volume.contents.files.keys()].map(firstElement));
  return new Set([...strangers].filter((name) => !shown.has(name) && !volume.isOwn(name)));
}

/** A visible link; in place of what somebody put where it was, an editor's copy for one. A directory must be empty. */
function link(volume: KnownVolume, name: string): void {
  const { fs, listing } = volume;
  if (!listing.strangers.has(name)) {
    fs.symlink(visibleLinkTarget(name), volume.at(name));
    return;
  }
  if (fs.lstat(volume.at(name))?.type === 'directory') fs.rmdir(volume.at(name));
  fs.symlink(visibleLinkTarget(name), volume.at(NEXT_DATA_LINK));
  fs.rename(volume.at(NEXT_DATA_LINK), volume.at(name));
  listing.strangers.delete(name);
}

/** Takes away what has one of the names that nobody else may have, whatever it is. */
function* makeWay(volume: KnownVolume, name: string): Steps<void> {
  if (volume.fs.lstat(volume.at(name))?.type === 'directory') yield* removingTree(volume.fs, volume.at(name));
  else unlinkIfThere(volume, name);
}

/** The files a reader finds by their names: after a crash between the swap and the links, some have no link yet. */
function visibleFiles({ files }: GenerationContents, links: ReadonlySet<string>): GenerationContents['files'] {
  return new Map([...files].filter(([path]) => links.has(firstElement(path))));
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((element) => b.has(element));
}

/** Without a mount group, the group of the volume's own directory is its maker's business. */
function isRootSettled({ listing, fs }: KnownVolume, { mountGroup }: Payload): boolean {
  const { mode, group } = directoryAttributes(mountGroup, fs.owner);
  return listing.root.mode === mode && (mountGroup === undefined || listing.root.group === group);
}

/** Before anything is made inside: a setgid bit from an earlier mount group would be inherited. */
function settleRoot(volume: KnownVolume, payload: Payload): void {
  if (isRootSettled(volume, payload)) return;
  const { mode, group } = directoryAttributes(payload.mountGroup, volume.fs.owner);
  settleDirectory(volume, volume.at('.'), payload.mountGroup, mode);
  volume.listing.root = { mode, group };
}

function settleDirectory({ fs }: KnownVolume, path: string, mountGroup: number | undefined, mode: number): void {
  if (mountGroup !== undefined) fs.chown(path, { group: mountGroup });
  fs.chmod(path, mode);
}

/** As far as possible; the next write sweeps what stays. The error that led here is what matters. */
function* takeBack(volume: KnownVolume, generation: string): Steps<void> {
  yield* tryRemovingTree(volume.fs, volume.at(generation));
  try {
    volume.fs.unlink(volume.at(NEXT_DATA_LINK));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

function unlinkIfThere(volume: KnownVolume, name: string): void {
  try {
    volume.fs.unlink(volume.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
