import { errnoOf, type Fault, fallbackOnErrno, invalid, LanternError } from '../base/errors.ts';
import { Pace, type Steps } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import { firstElement, parentsOf, parseRelativePath } from '../spec/relative-path.ts';
import { createFile, removingTree, tryRemovingTree } from './file-system.ts';
import {
  bytesHeld,
  changedPaths,
  contentsOf,
  directoryAttributes,
  type GenerationContents,
  hasSameDirectories,
  unitsOf,
} from './generation-contents.ts';
import type { KnownVolume } from './known-volume.ts';
import { DATA_LINK, type GenerationNames, NEXT_DATA_LINK, visibleLinkTarget } from './layout.ts';
import type { Retirement } from './retirement.ts';

export type WriteOutcome = {
  /** False if the contents were equal and nothing was touched. */
  readonly changed: boolean;
  readonly generation: string;
  readonly previous: string | undefined;
  /** Paths added, removed or different in bytes, mode or owner, sorted. */
  readonly changedPaths: readonly string[];
};

type AtomicWriteOptions = {
  readonly volume: KnownVolume;
  readonly names: GenerationNames;
  readonly retirement: Retirement;
  /** Throws if the payload does not fit, before anything is written. */
  readonly requireRoom: (payload: Payload) => void;
};

/**
 * Makes the volume show the payload. After every step, a reader, or a process that starts after a crash, finds either
 * the old contents or the new ones:
 *
 *  0. Sweep what a crash left: a stale `..data_tmp`, generations that nobody needs any more.
 *  1. Validate every path; one bad path refuses the whole payload.
 *  2. Read the current generation, unless it is known. It is unknown before the first write and after a failed one.
 *  3. Compare bytes, modes, owners, paths and visible links. All equal: nothing happens.
 *  4. Make the directory of the new generation, if there is room for it.
 *  5. Make its directories, closed to others, and its files: written, given to their owners, then their modes.
 *  6. Give the directories to the mount group, and set their modes whatever the umask.
 *  7. Make the link `..data_tmp` to the new generation.
 *  8. Rename it over `..data`. This is the one atomic point. The first `..data` is made in place: nothing was shown.
 *  9. Make the visible links that are missing.
 * 10. Remove the visible links whose element is gone.
 * 11. Retire the old generation.
 *
 * A failure before 8 removes the new generation. After any failure the caller makes the volume forget what it knows, so
 * the next write starts from the disk and completes it. Other work may run between two steps, but no other writer.
 */
export function* writeAtomically(
  payload: Payload,
  { volume, names, retirement, requireRoom }: AtomicWriteOptions,
): Steps<WriteOutcome> {
  const { fs } = volume;
  yield* volume.reading();
  const { listing, contents: before } = volume;
  const { generation: previous, links } = listing;

  // 0
  yield* sweep(volume, retirement);

  // 1
  yield* requireWritable(payload);
  if (listing.strangers.size > 0) requireNoStrangers(payload, volume);

  // 2: `before`. Files that a crash left without a visible link are not shown yet.
  const pace = new Pace();
  if (pace.isDue(payload.files.size)) yield;
  const shown = shownOf(before.files, links);

  // 3
  if (pace.isDue(payload.files.size)) yield;
  const after = contentsOf(payload, fs.owner);
  const root = directoryAttributes(payload.mountGroup, fs.owner);
  // Without a mount group, the volume does not set the group of its directory.
  const isRootSettled =
    listing.root.mode === root.mode && (payload.mountGroup === undefined || listing.root.group === root.group);
  const elements = elementsOf(after.files);
  const missing = links === elements ? [] : [...elements].filter((name) => !links.has(name));
  const stale = links === elements ? [] : [...links].filter((name) => !elements.has(name));
  if (pace.isDue(payload.files.size)) yield;
  const changed = yield* changedPaths(shown, after.files);
  const isSettled = isRootSettled && missing.length === 0 && stale.length === 0 && hasSameDirectories(before, after);
  if (previous !== undefined && changed.length === 0 && isSettled) {
    return { changed: false, generation: previous, previous, changedPaths: [] };
  }

  // 4
  requireRoom(payload);
  if (!isRootSettled) {
    // Set before anything is made inside, which would inherit a setgid bit of an earlier mount group.
    settleDirectory(volume, volume.at('.'), payload.mountGroup, root.mode);
    listing.root = root;
  }
  const generation = names.next(listing.generations);
  const directory = volume.at(generation);
  try {
    fs.mkdir(directory, 0o700);
    listing.generations.add(generation);

    // 5
    for (const path of after.directories.keys()) {
      if (path !== '') fs.mkdir(`${directory}/${path}`, 0o700);
      if (pace.isDue()) yield;
    }
    const lost = fs.umask();
    for (const [path, { bytes, mode, user, group = payload.mountGroup }] of payload.files) {
      createFile(fs, `${directory}/${path}`, bytes, { user, group }, mode, lost);
      if (pace.isDue(unitsOf(bytes.byteLength))) yield;
    }

    // 6
    for (const [path, { mode }] of after.directories) {
      settleDirectory(volume, path === '' ? directory : `${directory}/${path}`, payload.mountGroup, mode);
      if (pace.isDue()) yield;
    }

    // 7
    if (listing.hasFalseDataLink) yield* makeWay(volume, DATA_LINK);
    listing.hasFalseDataLink = false;
    if (listing.hasDataLink) {
      fs.symlink(generation, volume.at(NEXT_DATA_LINK));

      // 8
      fs.rename(volume.at(NEXT_DATA_LINK), volume.at(DATA_LINK));
    } else fs.symlink(generation, volume.at(DATA_LINK));
    listing.hasDataLink = true;
  } catch (error) {
    yield* takeBack(volume, generation);
    throw error;
  }
  volume.showing(generation, after);

  try {
    // 9, 10
    yield* settleLinks(volume, missing, stale);
    listing.links = elements;
  } finally {
    // 11
    if (previous !== undefined) retirement.retire(previous, bytesHeld(before));
  }
  return { changed: true, generation, previous, changedPaths: changed };
}

/** Costs nothing if nothing is left over. Generations of an earlier process stay if others show them. */
function* sweep(volume: KnownVolume, retirement: Retirement): Steps<void> {
  const { listing } = volume;
  if (listing.hasNextDataLink) {
    yield* makeWay(volume, NEXT_DATA_LINK);
    listing.hasNextDataLink = false;
  }
  const left: string[] = [];
  for (const generation of listing.generations) {
    if (generation !== listing.generation && !retirement.keeps(generation)) left.push(generation);
  }
  if (left.length === 0) return;
  for (const generation of yield* retirement.sparing(left)) {
    // A generation that something is mounted on cannot be removed, and must not block updates.
    yield* volume.tryRemovingGeneration(generation);
  }
}

/** The last check before the disk. Throws `invalid-argument` with a fault for each path that no volume can have. */
function* requireWritable(payload: Payload): Steps<void> {
  if (writable.has(payload)) return;
  const faults: Fault[] = [];
  const files: ReadonlyMap<string, unknown> = payload.files;
  const pace = new Pace();
  for (const path of payload.files.keys()) {
    const parsed = parseRelativePath(path, path);
    if (!parsed.ok) faults.push(...parsed.faults);
    else if (parsed.value !== path) faults.push({ field: path, message: `must be given as "${parsed.value}"` });
    else {
      for (const parent of parentsOf(path)) {
        if (!files.has(parent)) continue;
        faults.push({ field: path, message: `excludes the file "${parent}", which would have to be a directory` });
      }
    }
    if (pace.isDue()) yield;
  }
  if (faults.length > 0) throw invalid(faults);
  writable.add(payload);
}

/** Many volumes may share a payload. */
const writable = new WeakSet<Payload>();

/** `failed-precondition` for a name that somebody else took in the directory. The volume's own names are reclaimed. */
function requireNoStrangers(payload: Payload, volume: KnownVolume): void {
  const { strangers } = volume.listing;
  const shown = new Set([...volume.contents.files.keys()].map(firstElement));
  for (const path of payload.files.keys()) {
    const name = firstElement(path);
    if (!strangers.has(name) || shown.has(name) || volume.isOwn(name)) continue;
    throw new LanternError(
      'failed-precondition',
      `write "${path}" to the volume: its directory already holds "${name}", which is not part of the volume; remove it, or choose another path`,
    );
  }
}

type Files = GenerationContents['files'];

/** The files that have a visible link. */
function shownOf(files: Files, links: ReadonlySet<string>): Files {
  for (const element of elementsOf(files)) {
    if (!links.has(element)) return new Map([...files].filter(([path]) => links.has(firstElement(path))));
  }
  return files;
}

const elementsOfFiles = new WeakMap<Files, ReadonlySet<string>>();

/** The names that need a visible link. */
function elementsOf(files: Files): ReadonlySet<string> {
  let elements = elementsOfFiles.get(files);
  if (elements === undefined) {
    elements = new Set([...files.keys()].map(firstElement));
    elementsOfFiles.set(files, elements);
  }
  return elements;
}

/** Makes the visible links that are missing, then removes those whose element is gone. */
function* settleLinks(volume: KnownVolume, missing: readonly string[], stale: readonly string[]): Steps<void> {
  if (missing.length + stale.length === 0) return;
  const present = new Set(volume.listing.links);
  volume.listing.links = present;
  const pace = new Pace();
  for (const name of missing) {
    link(volume, name);
    present.add(name);
    if (pace.isDue()) yield;
  }
  for (const name of stale) {
    unlinkIfThere(volume, name);
    present.delete(name);
    if (pace.isDue()) yield;
  }
}

/** Makes a visible link, also where somebody put a file, such as an editor's copy. A directory there must be empty. */
function link(volume: KnownVolume, name: string): void {
  const { fs, listing } = volume;
  if (!listing.strangers.has(name)) {
    fs.symlink(visibleLinkTarget(name), volume.at(name));
    return;
  }
  if (fs.lstat(volume.at(name))?.type === 'directory') fs.rmdir(volume.at(name));
  fs.symlink(visibleLinkTarget(name), volume.at(NEXT_DATA_LINK));
  fs.rename(volume.at(NEXT_DATA_LINK), volume.at(name));
  listing.strangers = new Set([...listing.strangers].filter((other) => other !== name));
}

/** Removes anything with this name, which is reserved for the volume. */
function* makeWay(volume: KnownVolume, name: string): Steps<void> {
  if (volume.fs.lstat(volume.at(name))?.type === 'directory') yield* removingTree(volume.fs, volume.at(name));
  else unlinkIfThere(volume, name);
}

function settleDirectory({ fs }: KnownVolume, path: string, mountGroup: number | undefined, mode: number): void {
  if (mountGroup !== undefined) fs.chown(path, { group: mountGroup });
  fs.chmod(path, mode);
}

/** Removes as much as it can; the next write sweeps the rest. The caller throws the error that led here. */
function* takeBack(volume: KnownVolume, generation: string): Steps<void> {
  yield* tryRemovingTree(volume.fs, volume.at(generation));
  fallbackOnErrno(() => volume.fs.unlink(volume.at(NEXT_DATA_LINK)), undefined);
}

function unlinkIfThere(volume: KnownVolume, name: string): void {
  try {
    volume.fs.unlink(volume.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
