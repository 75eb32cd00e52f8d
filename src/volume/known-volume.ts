import { errnoOf, toLanternError } from '../base/errors.ts';
import { finish, type Steps, UNITS_A_STEP } from '../base/steps.ts';
import { type FileStamp, type FileStatus, tryRemovingTree, type VolumeFs } from './file-system.ts';
import {
  changedPaths,
  DIRECTORY_MODE,
  type GenerationContents,
  hasSameDirectories,
  NO_CONTENTS,
  readingContents,
} from './generation-contents.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from './layout.ts';

/** Entries of a volume's directory. Each write updates it, so that the next one reads nothing from disk. */
type Listing = {
  /** Of the directory itself. */
  root: Pick<FileStatus, 'mode' | 'group'>;
  /** The current generation: the one that `..data` names, if it exists. */
  generation: string | undefined;
  /** All generations on disk, complete or not. */
  readonly generations: Set<string>;
  /** Visible names that link into `..data`. Volumes that share contents share this, too. */
  links: ReadonlySet<string>;
  /** Visible names that somebody else created. */
  strangers: ReadonlySet<string>;
  hasDataLink: boolean;
  hasNextDataLink: boolean;
  /** True if `..data` exists but is not a link. */
  hasFalseDataLink: boolean;
};

const NONE: ReadonlySet<string> = new Set();

/** An empty directory of unknown mode. No volume's directory has mode 0, so the first write sets it. */
function emptyListing(root: Listing['root'] = { mode: 0, group: 0 }): Listing {
  return {
    root,
    generation: undefined,
    generations: new Set(),
    links: NONE,
    strangers: NONE,
    hasDataLink: false,
    hasNextDataLink: false,
    hasFalseDataLink: false,
  };
}

/** A volume's directory: read on first use, then kept in memory until `forget`. */
export class KnownVolume {
  readonly fs: VolumeFs;
  readonly directory: string;
  #listing: Listing | undefined;
  #contents: GenerationContents | undefined;
  /** Visible names that this process has seen as the volume's own links. Undefined instead of empty, as `#replaced`. */
  #own: Set<string> | undefined;
  /** Names in the replaced generations that this process wrote. */
  #replaced: Map<string, GenerationPaths> | undefined;

  /** `isNew`: the daemon has just made the directory, so it is empty and need not be read. */
  constructor(fs: VolumeFs, directory: string, isNew = false) {
    this.fs = fs;
    this.directory = directory;
    if (isNew) this.#listing = emptyListing({ mode: DIRECTORY_MODE & ~fs.umask(), group: fs.owner.group });
  }

  at(name: string): string {
    return `${this.directory}/${name}`;
  }

  /** Throws a LanternError if it has to be read and cannot be. */
  get listing(): Listing {
    this.#listing ??= this.#finish(readingListing(this));
    return this.#listing;
  }

  /** Contents of the current generation; empty before the first. Throws like `listing`. */
  get contents(): GenerationContents {
    const { generation } = this.listing;
    this.#contents ??=
      generation === undefined ? NO_CONTENTS : this.#finish(readingContents(this.fs, this.at(generation)));
    return this.#contents;
  }

  #finish<T>(steps: Steps<T>): T {
    try {
      return finish(steps);
    } catch (error) {
      throw toLanternError(error, `read the volume in "${this.directory}"`);
    }
  }

  /** Reads what is not known yet, in steps. Throws the file system's own errors. */
  *reading(): Steps<void> {
    this.#listing ??= yield* readingListing(this);
    const { generation } = this.#listing;
    if (generation !== undefined) this.#contents ??= yield* readingContents(this.fs, this.at(generation));
  }

  /** True if listing and contents are in memory and can be compared with the disk. */
  get isKnown(): boolean {
    return this.#listing !== undefined && this.#contents !== undefined;
  }

  /** All paths of a volume: the directory, `..data`, the current generation and its contents. */
  get paths(): readonly string[] {
    const { generation } = this.listing;
    const own = [`${this.directory}/.`];
    return generation === undefined ? own : [...own, this.at(DATA_LINK), ...this.pathsOf(generation, this.contents)];
  }

  pathsOf(generation: string, { files, directories }: GenerationContents): readonly string[] {
    const root = this.at(generation);
    const below = [...directories.keys(), ...files.keys()];
    return below.map((path) => (path === '' ? root : `${root}/${path}`));
  }

  /** True if this process has seen a link of the volume under this name. */
  isOwn(name: string): boolean {
    return this.#own?.has(name) === true;
  }

  showing(generation: string, contents: GenerationContents): void {
    const before = this.listing.generation;
    if (before !== undefined && this.#contents !== undefined) {
      this.#replaced ??= new Map();
      this.#replaced.set(before, namesIn(this.#contents));
    }
    this.listing.generation = generation;
    this.#contents = contents;
  }

  /** Removes a generation that is not current. False if something in it cannot be removed, such as a busy mount. */
  *tryRemovingGeneration(generation: string): Steps<boolean> {
    const paths = this.#replaced?.get(generation);
    this.#replaced?.delete(generation);
    if (this.#replaced?.size === 0) this.#replaced = undefined;
    const isRemoved =
      (paths !== undefined && (yield* this.#tryRemovingPaths(generation, paths))) ||
      (yield* tryRemovingTree(this.fs, this.at(generation)));
    if (isRemoved) this.#listing?.generations.delete(generation);
    return isRemoved;
  }

  /** Removes what was written, without reading. False if there is something else. */
  *#tryRemovingPaths(generation: string, paths: GenerationPaths): Steps<boolean> {
    try {
      yield* this.#removingPaths(generation, paths);
      return true;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  }

  *#removingPaths(generation: string, { files, directories }: GenerationPaths): Steps<void> {
    const root = this.at(generation);
    for (let first = 0; first < files.length; first += UNITS_A_STEP) {
      this.fs.unlinkAll(files.slice(first, first + UNITS_A_STEP).map((path) => `${root}/${path}`));
      if (first + UNITS_A_STEP < files.length) yield;
    }
    for (const path of directories) this.fs.rmdir(path === '' ? root : `${root}/${path}`);
  }

  /** Removes the directory and its known contents, without reading. The last rmdir fails if there is anything else. */
  *removing(): Steps<void> {
    if (this.#listing === undefined || this.#contents === undefined) return;
    const { root: status, generation, links } = this.#listing;
    const paths = namesIn(this.#contents);
    this.forget();
    if (generation !== undefined) {
      yield* this.#removingPaths(generation, paths);
      yield;
      this.fs.unlink(this.at(DATA_LINK));
    }
    for (const name of links) {
      this.fs.unlink(this.at(name));
      yield;
    }
    this.fs.rmdir(this.directory);
    // A caller may still ask, to answer the publish before: the volume is empty then.
    this.#listing = emptyListing(status);
    this.#contents = NO_CONTENTS;
  }

  /** Makes the next use read the disk, as needed after a failure. */
  forget(): void {
    if (this.#listing !== undefined && this.#listing.links.size > 0) {
      this.#own = new Set([...(this.#own ?? []), ...this.#listing.links]);
    }
    this.#listing = undefined;
    this.#contents = undefined;
    this.#replaced = undefined;
  }
}

/** Of a generation, without its bytes: files, and directories from the innermost outwards. */
type GenerationPaths = { readonly files: readonly string[]; readonly directories: readonly string[] };

/** Volumes that share contents share their names, which outlive the bytes. */
const names = new WeakMap<GenerationContents, GenerationPaths>();

function namesIn(contents: GenerationContents): GenerationPaths {
  let known = names.get(contents);
  if (known === undefined) {
    const { files, directories } = contents;
    known = { files: [...files.keys()], directories: [...directories.keys()].reverse() };
    names.set(contents, known);
  }
  return known;
}

function* readingListing(volume: KnownVolume): Steps<Listing> {
  const { fs, directory } = volume;
  // The directory may be a link in /proc/self/fd. Its own `.` is where that link leads.
  const root = fs.lstat(`${directory}/.`);
  const listing = emptyListing({ mode: root?.mode ?? 0, group: root?.group ?? 0 });
  const [links, strangers] = [new Set<string>(), new Set<string>()];
  let current: string | undefined;
  for (const { name, type } of fs.readdir(directory)) {
    yield;
    const target = type === 'symlink' ? fs.readlink(volume.at(name)) : undefined;
    if (name === DATA_LINK) {
      current = target;
      listing.hasDataLink = type === 'symlink';
      listing.hasFalseDataLink = type !== 'symlink';
    } else if (name === NEXT_DATA_LINK) listing.hasNextDataLink = true;
    else if (isGenerationName(name) && type === 'directory') listing.generations.add(name);
    else if (target === visibleLinkTarget(name)) links.add(name);
    else strangers.add(name);
  }
  listing.links = links;
  if (strangers.size > 0) listing.strangers = strangers;
  if (current !== undefined && listing.generations.has(current)) listing.generation = current;
  return listing;
}

const SETGID = 0o2000;

/** Compares disk and memory, bytes included. Returns a phrase for each difference. Files of others do not count. */
export function* findDamages(known: KnownVolume): Steps<string[]> {
  const found = new KnownVolume(known.fs, known.directory);
  yield* found.reading();
  const [before, now] = [known.listing, found.listing];
  const damages: string[] = [];
  // Without a mount group (no setgid bit), a volume does not set the group of its directory.
  const setsGroup = (before.root.mode & SETGID) !== 0;
  if (before.root.mode !== now.root.mode || (setsGroup && before.root.group !== now.root.group)) {
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

/** A file that the daemon cannot read (mode 0, without privileges) counts as unchanged if its status is. */
function isUnreadable(path: string, known: KnownVolume, found: KnownVolume): boolean {
  const [before, now] = [known.contents.files.get(path), found.contents.files.get(path)];
  if (before === undefined || now === undefined || now.read() !== undefined) return false;
  return before.size === now.size && before.mode === now.mode && before.user === now.user && before.group === now.group;
}

function differenceOf(path: string, known: KnownVolume, found: KnownVolume): string {
  if (!found.contents.files.has(path)) return 'was removed';
  return known.contents.files.has(path) ? 'was changed' : 'was added';
}

/** In milliseconds. A change that precedes a stamp by less may be followed by one that the stamp does not show. */
const TICK_MS = 20;

/** Shows by one call each which paths changed since: an equal stamp means the same names, or the same bytes. */
export class VolumeStamp {
  readonly #fs: VolumeFs;
  readonly #paths: readonly string[];
  readonly #stamps: readonly (FileStamp | undefined)[];

  /** Takes the stamps now. Take them before reading the contents, so that a change in between shows the next time. */
  constructor(fs: VolumeFs, paths: readonly string[]) {
    this.#fs = fs;
    this.#paths = paths;
    this.#stamps = fs.stamps(paths);
  }

  /** True if the last change precedes `now` (milliseconds since 1970) by enough that a later one shows. */
  isSettled(now: number): boolean {
    const before = now - TICK_MS;
    return this.#stamps.every((stamp) => {
      return stamp !== undefined && stamp.seconds * 1000 + stamp.nanoseconds / 1_000_000 < before;
    });
  }

  isUntouched(): boolean {
    return this.#fs.stamps(this.#paths).every((now, index) => {
      const then = this.#stamps[index];
      return now?.nanoseconds === then?.nanoseconds && now?.inode === then?.inode && now?.seconds === then?.seconds;
    });
  }
}

/**
 * Watches generations that subPath publications show. Their mounts hold these very files, so a change cannot be
 * repaired. It is reported until the subPath is published again.
 */
export class PinnedStamps {
  readonly #volume: KnownVolume;
  #stamps: Map<string, VolumeStamp | undefined> | undefined;
  #damaged = NONE;

  constructor(volume: KnownVolume) {
    this.#volume = volume;
  }

  /** True if a look would find nothing. */
  get areUntouched(): boolean {
    return this.#stamps === undefined || [...this.#stamps.values()].every((stamp) => stamp?.isUntouched() === true);
  }

  /** Generations changed by somebody since they were pinned, or since the first look after a restart. */
  get damaged(): ReadonlySet<string> {
    return this.#damaged;
  }

  pin(generation: string): void {
    if (this.#stamps?.has(generation) === true) return;
    const volume = this.#volume;
    const isCurrent = volume.isKnown && volume.listing.generation === generation;
    this.#stamps ??= new Map();
    this.#stamps.set(generation, isCurrent ? this.#stampOf(generation, volume.contents) : undefined);
  }

  /** After the last pin. */
  unpin(generation: string): void {
    this.#stamps?.delete(generation);
    if (this.#stamps?.size === 0) this.#stamps = undefined;
    if (this.#damaged.has(generation))
      this.#damaged = new Set([...this.#damaged].filter((other) => other !== generation));
  }

  *look(): Steps<void> {
    for (const [generation, stamp] of this.#stamps ?? []) {
      if (stamp?.isUntouched() === false) this.#damaged = new Set(this.#damaged).add(generation);
      yield;
      if (stamp !== undefined) continue;
      const contents = yield* readingContents(this.#volume.fs, this.#volume.at(generation));
      // It may have been unpinned meanwhile.
      if (this.#stamps?.has(generation) === true) this.#stamps.set(generation, this.#stampOf(generation, contents));
    }
  }

  #stampOf(generation: string, contents: GenerationContents): VolumeStamp {
    return new VolumeStamp(this.#volume.fs, this.#volume.pathsOf(generation, contents));
  }
}
