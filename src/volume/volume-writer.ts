import type { Clock } from '../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import { finish, guarded, Slices, type Steps } from '../base/steps.ts';
import { isSamePayload, type Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { type WriteOutcome, writeAtomically } from './atomic-writer.ts';
import type { VolumeFs } from './file-system.ts';
import type { FileSummary } from './generation-contents.ts';
import { findDamages, KnownVolume, PinnedStamps, VolumeStamp } from './known-volume.ts';
import { GenerationNames } from './layout.ts';
import type { PoolRoom } from './pool-room.ts';
import { type FileSystemPlace, noForeignBinds, RetiredRoom, Retirement, RetirementQueue } from './retirement.ts';

type VolumeWriterOptions = {
  readonly fs: VolumeFs;
  /** The published directory. It exists, and may be a descriptor's path in `/proc/self/fd`. */
  readonly directory: string;
  /** True if the daemon has just made the directory, which only it can write to: it need not be read. */
  readonly isNew?: boolean;
  readonly clock: Clock;
  /** Generations are named by this clock; `clock` by default. */
  readonly namesClock?: Pick<Clock, 'now'>;
  /** The room of the pool that the volume lies in: no write takes the reserve that is kept for records. */
  readonly pool?: PoolRoom;
  /** The room for replaced generations, which the volumes of a pool share; an own one by default. */
  readonly room?: RetiredRoom;
  /** Shared by the volumes of a publisher; by default an own one, of a directory that nobody else binds. */
  readonly queue?: RetirementQueue;
  /** True if such a bind, found by a generation's name, is one of this volume's. Always by default. */
  readonly isOwnPlace?: (place: FileSystemPlace) => boolean;
};

/** `path` is the place below the volume's directory, and contains no link. */
type ResolvedSubPath = {
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly generation: string;
};

/** Writes one volume's directory. It is read once and then kept in memory: no other writer, no overlapping writes. */
export class VolumeWriter implements Disposable {
  readonly #volume: KnownVolume;
  readonly #names: GenerationNames;
  readonly #retirement: Retirement;
  readonly #requireRoom: (payload: Payload) => void;
  readonly #clock: Clock;
  /** Undefined before the first write, and after a restart. */
  #payload: Payload | undefined;
  /** True if the payload is known to be on disk. */
  #isOnDisk = false;
  /** Taken by the last look; undefined if something was written since. */
  #stamp: VolumeStamp | undefined;
  #unrepaired: readonly string[] = [];
  /** Generations that subPath publications show. */
  readonly #pinned: PinnedStamps;
  #isDisposed = false;

  constructor({ fs, directory, isNew, clock, ...options }: VolumeWriterOptions) {
    const volume = new KnownVolume(fs, directory, isNew);
    this.#volume = volume;
    this.#requireRoom = (payload) => options.pool?.take(payload, directory, clock.monotonic());
    this.#clock = clock;
    this.#pinned = new PinnedStamps(volume);
    this.#names = new GenerationNames(options.namesClock ?? clock);
    const forgetStamp = () => {
      this.#stamp = undefined;
    };
    this.#retirement = new Retirement({
      queue: options.queue ?? new RetirementQueue({ clock, binds: noForeignBinds(new Slices(clock)) }),
      room: options.room ?? new RetiredRoom(),
      isOwnPlace: options.isOwnPlace ?? (() => true),
      *remove(generation) {
        const isRemoved = yield* volume.tryRemovingGeneration(generation);
        // The removal changed the directory's own stamp.
        forgetStamp();
        return isRemoved;
      },
    });
  }

  /** Undefined before the first write. */
  get generation(): string | undefined {
    return this.#volume.listing.generation;
  }

  get boundElsewhere(): number {
    return this.#retirement.boundElsewhere;
  }

  /** True if a look would find nothing, pinned generations included. One call per file and directory. */
  get isUntouched(): boolean {
    return this.#isCurrentUntouched && this.#pinned.areUntouched;
  }

  get #isCurrentUntouched(): boolean {
    return this.#isOnDisk && this.#stamp?.isUntouched() === true;
  }

  /** Files of the current generation, in byte order of their paths. */
  files(): readonly FileSummary[] {
    const files = [...this.#volume.contents.files.values()];
    return files.map(({ path, size, mode, user, group }) => ({ path, size, mode, user, group }));
  }

  /**
   * Replaces the contents in one swap. Equal contents cost no call, except in the first write. After a failure readers
   * have the old contents, or the new ones if only links were missing; the next write completes it.
   * `resource-exhausted` without room, `failed-precondition` for an impossible owner, `invalid-argument` for a bad
   * path.
   */
  write(payload: Payload): WriteOutcome {
    return finish(this.writing(payload));
  }

  /** The next write or removal must not begin before it ends. Disposal ends it with `unavailable`. */
  *writing(payload: Payload): Steps<WriteOutcome> {
    if (this.#isOnDisk && this.#payload !== undefined && isSamePayload(this.#payload, payload)) {
      const { generation } = this;
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
      const outcome = yield* guarded(writing, this.#requireLife);
      this.#payload = payload;
      this.#isOnDisk = true;
      this.#unrepaired = [];
      return outcome;
    } catch (error) {
      this.#isOnDisk = false;
      this.#volume.forget();
      throw writeFailure(error, this.#volume.directory);
    }
  }

  /**
   * Rewrites the directory, by the same swap, if it does not hold what was written. One call per file and directory if
   * nobody touched it since the last look. Returns a phrase for each damage. Earlier processes' writes are not checked.
   */
  *looking(): Steps<readonly string[]> {
    this.lookAgain();
    yield* this.#pinned.look();
    const damages = this.#unrepaired.length > 0 ? this.#unrepaired : yield* this.#findDamages();
    if (damages.length === 0 || this.#payload === undefined) return [];
    yield* this.writing(this.#payload);
    return damages;
  }

  /** Looks again at generations that stayed because others had bound them. `looking` includes it. */
  lookAgain(): void {
    this.#retirement.lookAgain();
  }

  *#findDamages(): Steps<readonly string[]> {
    const volume = this.#volume;
    if (!this.#isOnDisk || !volume.isKnown || this.#isCurrentUntouched) return [];
    this.#stamp = undefined;
    const damages = yield* this.#compareWithDisk();
    if (damages.length === 0) return [];
    this.#unrepaired = damages;
    this.#isOnDisk = false;
    volume.forget();
    return damages;
  }

  *#compareWithDisk(): Steps<readonly string[]> {
    const volume = this.#volume;
    try {
      const stamp = new VolumeStamp(volume.fs, volume.paths);
      const isSettled = stamp.isSettled(this.#clock.now());
      const damages = yield* guarded(findDamages(volume), this.#requireLife);
      if (damages.length === 0 && isSettled) this.#stamp = stamp;
      return damages;
    } catch (error) {
      // A directory that cannot be read counts as damaged: it may have been removed.
      if (errnoOf(error) === undefined) throw error;
      return ['its directory could not be read'];
    }
  }

  /** Keeps a generation for a publication that shows a part of it. Pins are counted. */
  pin(generation: string): void {
    this.#retirement.pin(generation);
    this.#pinned.pin(generation);
  }

  /** The last unpin retires a generation that is not current. */
  unpin(generation: string): void {
    if (!this.#retirement.unpin(generation)) return;
    this.#pinned.unpin(generation);
    if (generation !== this.generation) this.#retirement.retire(generation);
  }

  /** Pinned generations that the last look found changed. They stay in the set until they are unpinned. */
  get damagedPins(): ReadonlySet<string> {
    return this.#pinned.damaged;
  }

  /** Removes generations kept only for slow readers, not those that others show. True if room was freed. */
  retireNow(): boolean {
    return this.#retirement.retireNow();
  }

  /** Stops timers and a write under way. The disk stays as it is: the directory is about to be removed as a whole. */
  abandon(): void {
    this.#isDisposed = true;
    this.#retirement.stop();
  }

  /** Removes the directory and its known contents. Only for a volume that nobody sees any more. */
  *tryRemoving(): Steps<void> {
    this.#isOnDisk = false;
    try {
      yield* this.#retirement.removingAll();
      yield* this.#volume.removing();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Throws `not-found`, listing the files there are, if the path does not exist in the current generation. */
  resolveSubPath(subPath: RelativePath): ResolvedSubPath {
    const { generation } = this;
    const { files, directories } = this.#volume.contents;
    const type = files.has(subPath) ? 'file' : directories.has(subPath) ? 'directory' : undefined;
    if (generation === undefined || type === undefined) throw noSuchPath(subPath, [...files.keys()]);
    return { path: `${this.#volume.at(generation)}/${subPath}`, type, generation };
  }

  /** Removes generations that are replaced, not pinned and not bound by others. Stops timers and a write under way. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#retirement[Symbol.dispose]();
  }

  /** The next write sweeps what an ended one left half made. After disposal the directory may not exist any more. */
  readonly #requireLife = (): void => {
    if (!this.#isDisposed) return;
    throw new LanternError('unavailable', `write to "${this.#volume.directory}": the daemon is stopping; try again`);
  };
}

const MAX_PATHS_NAMED = 20;

function noSuchPath(subPath: RelativePath, files: readonly string[]): LanternError {
  const named = files.slice(0, MAX_PATHS_NAMED).map((path) => `"${path}"`);
  if (files.length > named.length) named.push(`${files.length - named.length} more`);
  return new LanternError(
    'not-found',
    `look for the subPath "${subPath}" in the volume: there is no such file or directory; it holds ${named.join(', ') || 'no files'}`,
  );
}

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);
/** EINVAL: an id that the user namespace does not map. */
const CANNOT_GIVE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EINVAL']);

/** Describes a file system error to the caller who asked for the write. Other errors pass through. */
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
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  if (CANNOT_GIVE.has(errno) && call.includes('chown')) {
    return new LanternError(
      'failed-precondition',
      `${what}: the daemon may not give files to the user, group or mount group asked for (${errno}); run it with CAP_CHOWN, or leave them out; the old contents stay`,
      { cause: error },
    );
  }
  return toLanternError(error, what);
}
