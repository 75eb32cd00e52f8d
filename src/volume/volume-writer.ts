import type { Clock } from '../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import { finish, guarded, Slices, type Steps } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { type WriteOutcome, writeAtomically } from './atomic-writer.ts';
import { tryRemovingTree, type VolumeFs } from './file-system.ts';
import type { FileSummary } from './generation-contents.ts';
import { findDamages, KnownVolume } from './known-volume.ts';
import { GenerationNames } from './layout.ts';
import { type ForeignBinds, noForeignBinds, RetiredRoom, Retirement } from './retirement.ts';
import { PinnedStamps, VolumeStamp } from './volume-stamp.ts';

type VolumeWriterOptions = {
  readonly fs: VolumeFs;
  /** Where the volume is seen. There already; may be a descriptor's path in `/proc/self/fd`. */
  readonly directory: string;
  readonly clock: Clock;
  /** By which generations are named; `clock` where undefined. */
  readonly namesClock?: Clock;
  /** Throws when a new generation of this payload would not fit; asked before each, and not for equal contents. */
  readonly requireRoom?: (payload: Payload) => void;
  /** What the generations that are kept for slow readers may hold; its own where undefined. */
  readonly room?: RetiredRoom;
  /** Who else shows generations; nobody where undefined. */
  readonly binds?: ForeignBinds;
};

/** What a subPath leads to, by a path below the volume's directory that goes through no link. */
type ResolvedSubPath = {
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly generation: string;
};

/**
 * One volume's directory and its generations. Reads the directory at its first use and knows it from then on; it must
 * be the only one to write there, and its writes must not overlap.
 */
export class VolumeWriter implements Disposable {
  readonly #volume: KnownVolume;
  readonly #names: GenerationNames;
  readonly #retirement: Retirement;
  readonly #requireRoom: (payload: Payload) => void;
  readonly #clock: Clock;
  /** What the volume shall show; undefined before the first write, and after a restart. */
  #payload: Payload | undefined;
  /** Of the payload that is known to be shown. */
  #digest: string | undefined;
  /** Taken by the last look, as long as nothing was written since. */
  #stamp: VolumeStamp | undefined;
  /** Damages that could not be repaired yet. */
  #unrepaired: readonly string[] = [];
  /** Of generations that stay for subPath publications only. */
  readonly #pinned: PinnedStamps;
  #isDisposed = false;

  constructor({ fs, directory, clock, requireRoom, ...shared }: VolumeWriterOptions) {
    const volume = new KnownVolume(fs, directory);
    this.#volume = volume;
    this.#requireRoom = requireRoom ?? (() => undefined);
    this.#clock = clock;
    this.#pinned = new PinnedStamps(volume);
    this.#names = new GenerationNames(shared.namesClock ?? clock);
    const forgetStamp = () => {
      this.#stamp = undefined;
    };
    this.#retirement = new Retirement({
      clock,
      room: shared.room ?? new RetiredRoom(),
      binds: shared.binds ?? noForeignBinds(new Slices(clock)),
      *remove(generation) {
        const isRemoved = yield* tryRemovingTree(fs, volume.at(generation));
        if (isRemoved) volume.removed(generation);
        // It changed the directory.
        forgetStamp();
        return isRemoved;
      },
    });
  }

  /** The current generation; undefined before the first write. */
  get generation(): string | undefined {
    return this.#try('look for the generation of', () => this.#volume.listing.generation);
  }

  /** How many generations stay because others had bound a part of them when that was asked last. */
  get boundElsewhere(): number {
    return this.#retirement.boundElsewhere;
  }

  /** Whether nothing was touched since the last look. */
  get isUntouched(): boolean {
    return this.#digest !== undefined && this.#stamp?.isUntouched() === true;
  }

  /** The digest of the current contents; undefined before the first write, after a restart and after a failure. */
  get digest(): string | undefined {
    return this.#digest;
  }

  /** The files of the current generation, in byte order of their paths. */
  files(): readonly FileSummary[] {
    const files = this.#try('list the files of', () => [...this.#volume.contents.files.values()]);
    return files.map(({ path, size, mode, user, group }) => ({ path, size, mode, user, group }));
  }

  /**
   * Shows the payload in place of what was there, in one swap. Equal contents: nothing is touched, and unless this is
   * the first write the file system is not even asked. After a failure readers still have the old contents, or, when
   * only links were missing, the new ones; the next write finishes it.
   *
   * `resource-exhausted` when there is no room, `failed-precondition` when an owner cannot be given, `invalid-argument`
   * for a path that no volume can have.
   */
  write(payload: Payload): WriteOutcome {
    return finish(this.writing(payload));
  }

  /** `write` in steps. The next one, or `remove`, must not begin before it has ended; disposal ends it with `unavailable`. */
  *writing(payload: Payload): Steps<WriteOutcome> {
    if (this.#digest === payload.digest) {
      const generation = this.#volume.listing.generation;
      if (generation !== undefined) return { changed: false, generation, previous: generation, changedPaths: [] };
    }
    try {
      this.#stamp = undefined;
      const writing = writeAtomically(payload, {
        volume: this.#volume,
        names: this.#names,
        retirement: this.#retirement,
        requireRoom: this.#requireRoom,
      });
      const outcome = yield* guarded(writing, () => this.#requireLife());
      this.#payload = payload;
      this.#digest = payload.digest;
      this.#unrepaired = [];
      return outcome;
    } catch (error) {
      this.#digest = undefined;
      this.#volume.forget();
      throw writeFailure(error, this.#volume.directory);
    }
  }

  /**
   * Looks whether the directory still holds what was written, and writes it anew where it does not, by the same swap. A
   * call to the file system per file and directory where nobody touched anything since the look before. Returns a phrase
   * for each damage that was repaired. What an earlier process wrote is read by the first write.
   */
  *looking(): Steps<readonly string[]> {
    this.lookAgain();
    yield* this.#pinned.look();
    const damages = this.#unrepaired.length > 0 ? this.#unrepaired : yield* this.#findDamages();
    if (damages.length === 0 || this.#payload === undefined) return [];
    yield* this.writing(this.#payload);
    return damages;
  }

  /** Asks again about generations that stayed because others had bound them. `looking` does so too. */
  lookAgain(): void {
    this.#retirement.lookAgain();
  }

  *#findDamages(): Steps<readonly string[]> {
    const volume = this.#volume;
    if (this.#digest === undefined || !volume.isKnown || this.isUntouched) return [];
    this.#stamp = undefined;
    const damages = yield* this.#lookClosely();
    if (damages.length === 0) return [];
    this.#unrepaired = damages;
    this.#digest = undefined;
    volume.forget();
    return damages;
  }

  *#lookClosely(): Steps<readonly string[]> {
    const volume = this.#volume;
    try {
      const stamp = new VolumeStamp(volume.fs, volume.paths);
      const isSettled = stamp.isSettled(this.#clock.now());
      const damages = yield* guarded(findDamages(volume), () => this.#requireLife());
      if (damages.length === 0 && isSettled) this.#stamp = stamp;
      return damages;
    } catch (error) {
      // What cannot be read, a removed directory for one, is not what was written.
      if (errnoOf(error) === undefined) throw error;
      return ['its directory could not be read'];
    }
  }

  /** Keeps a generation for a publication that shows a part of it. Counted. */
  pin(generation: string): void {
    this.#retirement.pin(generation);
    this.#pinned.pin(generation);
  }

  /** Takes one pin back; with the last one, a generation that is not current is retired. */
  unpin(generation: string): void {
    if (!this.#retirement.unpin(generation)) return;
    this.#pinned.unpin(generation);
    if (generation !== this.generation) this.#retirement.retire(generation);
  }

  /** Pinned generations that somebody changed something in, as the last look found. They stay so until they are unpinned. */
  get damagedPins(): ReadonlySet<string> {
    return this.#pinned.damaged;
  }

  /** Removes what is kept for slow readers only, since its room is needed; not what others show. True when something was freed. */
  retireNow(): boolean {
    return finish(this.retiringNow());
  }

  retiringNow(): Steps<boolean> {
    return this.#retirement.retiringNow();
  }

  /** Stops what is pending and leaves on disk what is there, as what the volume lies in goes. A write under way stops where it is. */
  abandon(): void {
    this.#isDisposed = true;
    this.#retirement.stop();
  }

  /** Removes the directory and what is in it, as far as all of that is known; for when nobody sees it any more. */
  *tryRemoving(): Steps<void> {
    this.#digest = undefined;
    try {
      yield* this.#retirement.removingAll();
      yield* this.#volume.removing();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Where in the current generation the path leads. `not-found`, naming what there is, where it leads nowhere. */
  resolveSubPath(subPath: RelativePath): ResolvedSubPath {
    const { generation } = this;
    const { files, directories } = this.#try(`look for "${subPath}" in`, () => this.#volume.contents);
    const type = files.has(subPath) ? 'file' : directories.has(subPath) ? 'directory' : undefined;
    if (generation === undefined || type === undefined) throw noSuchPath(subPath, [...files.keys()]);
    return { path: `${this.#volume.at(generation)}/${subPath}`, type, generation };
  }

  /** Removes what is replaced, not pinned and not shown by others; nothing happens afterwards. A write under way stops where it is. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#retirement[Symbol.dispose]();
  }

  /** What a write has left half made is swept by the next one: here there may be no directory to do it in any more. */
  #requireLife(): void {
    if (!this.#isDisposed) return;
    throw new LanternError('unavailable', `write to "${this.#volume.directory}": the daemon stops; try again`);
  }

  #try<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw toLanternError(error, `${what} the volume in "${this.#volume.directory}"`);
    }
  }
}

const MOST_PATHS_NAMED = 20;

function noSuchPath(subPath: RelativePath, files: readonly string[]): LanternError {
  const named = files.slice(0, MOST_PATHS_NAMED).map((path) => `"${path}"`);
  if (files.length > named.length) named.push(`${files.length - named.length} more`);
  return new LanternError(
    'not-found',
    `look for the subPath "${subPath}" in the volume: there is no such file or directory; it holds ${named.join(', ') || 'no files'}`,
  );
}

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);
/** EINVAL: an id that the user namespace does not map. */
const NOT_GIVABLE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EINVAL']);

/** What a failure of the file system, while a generation was written, says to whoever asked for the write. */
function writeFailure(error: unknown, directory: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const what = `write a new generation to "${directory}"`;
  if (NO_ROOM.has(errno)) {
    return new LanternError(
      'resource-exhausted',
      `${what}: the pool is full (${errno}); the old contents stay; unmount other volumes or enlarge the pool`,
      { cause: error, reason: 'POOL_FULL' },
    );
  }
  if (NOT_GIVABLE.has(errno) && isOfChown(error)) {
    return new LanternError(
      'failed-precondition',
      `${what}: the daemon may not give files to the user, group or mount group asked for (${errno}); run it with CAP_CHOWN, or leave them out; the old contents stay`,
      { cause: error },
    );
  }
  return toLanternError(error, what);
}

function isOfChown(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && String(error.syscall).includes('chown');
}
