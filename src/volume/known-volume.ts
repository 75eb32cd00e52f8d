import { finish, type Steps } from '../base/steps.ts';
import type { FileStatus, VolumeFs } from './file-system.ts';
import {
  changedPaths,
  type GenerationContents,
  hasSameDirectories,
  NO_CONTENTS,
  readingContents,
} from './generation-contents.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from './layout.ts';

/** What a volume's directory holds. A write keeps it up to date, so that the next one asks the disk nothing. */
type Listing = {
  /** Of the directory itself. */
  root: Pick<FileStatus, 'mode' | 'group'>;
  /** What `..data` names, where that exists. */
  generation: string | undefined;
  /** Generations that are there, whatever their state. */
  readonly generations: Set<string>;
  /** Visible names that lead into `..data`. */
  readonly links: Set<string>;
  /** Visible names that somebody else put there. */
  readonly strangers: Set<string>;
  /** Whether a `..data_tmp` was left behind. */
  hasNextDataLink: boolean;
  /** Whether something that is no link has the name `..data`. */
  hasFalseDataLink: boolean;
};

/** A volume's directory, read when first asked for and again after `forget`. */
export class KnownVolume {
  readonly fs: VolumeFs;
  readonly directory: string;
  #listing: Listing | undefined;
  #contents: GenerationContents | undefined;
  /** Visible names that this process has seen to be the volume's own. */
  readonly #own = new Set<string>();

  constructor(fs: VolumeFs, directory: string) {
    this.fs = fs;
    this.directory = directory;
  }

  /** The path of an entry of the directory. */
  at(name: string): string {
    return `${this.directory}/${name}`;
  }

  get listing(): Listing {
    this.#listing ??= finish(readingListing(this));
    return this.#listing;
  }

  /** Of the current generation; nothing before the first. */
  get contents(): GenerationContents {
    const { generation } = this.listing;
    this.#contents ??= generation === undefined ? NO_CONTENTS : finish(readingContents(this.fs, this.at(generation)));
    return this.#contents;
  }

  /** Reads all that is not known yet, in steps. */
  *reading(): Steps<void> {
    this.#listing ??= yield* readingListing(this);
    const { generation } = this.#listing;
    if (generation !== undefined) this.#contents ??= yield* readingContents(this.fs, this.at(generation));
  }

  /** Whether there is something to compare the disk with. */
  get isKnown(): boolean {
    return this.#listing !== undefined && this.#contents !== undefined;
  }

  /** What all of it hangs on: the directory, `..data`, the current generation and what is in that. */
  get paths(): readonly string[] {
    const { generation } = this.listing;
    const own = [`${this.directory}/.`];
    return generation === undefined ? own : [...own, this.at(DATA_LINK), ...this.pathsOf(generation, this.contents)];
  }

  /** A generation and what is in it. */
  pathsOf(generation: string, { files, directories }: GenerationContents): readonly string[] {
    const root = this.at(generation);
    const below = [...directories.keys(), ...files.keys()];
    return below.map((path) => (path === '' ? root : `${root}/${path}`));
  }

  /** Whether what has this visible name, and is no link of ours, stands where one of ours was. */
  isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  /** The generation is current now, and holds this. */
  showing(generation: string, contents: GenerationContents): void {
    this.listing.generation = generation;
    this.#contents = contents;
  }

  /** The generation is not on disk any more. */
  removed(generation: string): void {
    this.#listing?.generations.delete(generation);
  }

  /**
   * Removes the directory and what is known to be in it, without reading it. Does nothing where that is not known, and fails
   * as the file system does where there is more.
   */
  *removing(): Steps<void> {
    if (this.#listing === undefined || this.#contents === undefined) return;
    const { root: status, generation, links } = this.#listing;
    const { files, directories } = this.#contents;
    this.forget();
    if (generation !== undefined) {
      const root = this.at(generation);
      for (const path of files.keys()) {
        this.fs.unlink(`${root}/${path}`);
        yield;
      }
      for (const path of [...directories.keys()].reverse()) this.fs.rmdir(path === '' ? root : `${root}/${path}`);
      yield;
      this.fs.unlink(this.at(DATA_LINK));
    }
    for (const name of links) {
      this.fs.unlink(this.at(name));
      yield;
    }
    this.fs.rmdir(this.directory);
    // Whoever asks still, for the answer to the mount before, hears that nothing is there.
    const nothing = { generation: undefined, generations: new Set<string>(), links: new Set<string>() };
    this.#listing = { root: status, ...nothing, strangers: new Set(), hasNextDataLink: false, hasFalseDataLink: false };
    this.#contents = NO_CONTENTS;
  }

  /** After a failure only the disk knows how things stand. */
  forget(): void {
    for (const name of this.#listing?.links ?? []) this.#own.add(name);
    this.#listing = undefined;
    this.#contents = undefined;
  }
}

function* readingListing(volume: KnownVolume): Steps<Listing> {
  const { fs, directory } = volume;
  // The directory may be a link in /proc/self/fd: its own `.` is what that leads to.
  const root = fs.lstat(`${directory}/.`);
  const listing = {
    root: { mode: root?.mode ?? 0, group: root?.group ?? 0 },
    generation: undefined as string | undefined,
    generations: new Set<string>(),
    links: new Set<string>(),
    strangers: new Set<string>(),
    hasNextDataLink: false,
    hasFalseDataLink: false,
  };
  let current: string | undefined;
  for (const { name, type } of fs.readdir(directory)) {
    yield;
    const target = type === 'symlink' ? fs.readlink(volume.at(name)) : undefined;
    if (name === DATA_LINK) {
      current = target;
      listing.hasFalseDataLink = type !== 'symlink';
    } else if (name === NEXT_DATA_LINK) listing.hasNextDataLink = true;
    else if (isGenerationName(name) && type === 'directory') listing.generations.add(name);
    else if (target === visibleLinkTarget(name)) listing.links.add(name);
    else listing.strangers.add(name);
  }
  if (current !== undefined && listing.generations.has(current)) listing.generation = current;
  return listing;
}

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
