import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { type Awaitable, finish, type Slices, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { WriteOutcome } from '../../volume/atomic-writer.ts';
import { readUsage, type VolumeFs } from '../../volume/file-system.ts';
import type { FileSummary } from '../../volume/generation-contents.ts';
import { PoolRoom } from '../../volume/pool-room.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../../volume/record.ts';
import type { RetirementQueue } from '../../volume/retirement.ts';
import type { VolumeHome } from '../../volume/volume-home.ts';
import { VolumeWriter } from '../../volume/volume-writer.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { OpenedTarget } from '../linux/opened-target.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { Findings, HostedVolume, PublishedTarget, VolumeUsage } from '../publisher.ts';
import type { TargetRoots } from '../targets/target-roots.ts';
import { type Pool, type Pools, poolIsFull, poolIsGone } from './pools.ts';
import {
  BoundPublications,
  clearing,
  cover,
  findPublication,
  foreign,
  isDataOf,
  isSame,
  isShowing,
  type Publication,
  publicationOf,
  uncovering,
  unmountInThread,
  unmountNow,
} from './publications.ts';

/** One object for all volumes. */
export type BoundVolumeDependencies = {
  readonly fs: VolumeFs;
  readonly clock: Clock;
  readonly slices: Slices;
  readonly mounter: Mounter;
  readonly retirements: RetirementQueue;
  readonly targets: TargetRoots;
  readonly pools: Pools;
  readonly onRemove: (volume: BoundVolume) => void;
};

type BoundVolumeOptions = {
  readonly home: VolumeHome;
  readonly pool: Pool;
  /** True if the home's data directory was made just now. */
  readonly isNew: boolean;
  /** True if a publication of this volume outlived its pool. */
  readonly hasOrphan: boolean;
};

export class BoundVolume implements HostedVolume {
  readonly directoryName: string;
  readonly pool: Pool;
  readonly #home: VolumeHome;
  readonly #hasOrphan: boolean;
  readonly #dependencies: BoundVolumeDependencies;
  readonly #publications: BoundPublications;
  #writer: VolumeWriter;
  /** The payload written last, until a publication of the whole volume decides if an orphan gets it. */
  #unpublished: Payload | undefined;

  constructor(
    directoryName: string,
    { home, pool, isNew, hasOrphan }: BoundVolumeOptions,
    dependencies: BoundVolumeDependencies,
  ) {
    this.directoryName = directoryName;
    this.#home = home;
    this.pool = pool;
    this.#hasOrphan = hasOrphan;
    this.#dependencies = dependencies;
    this.#publications = new BoundPublications(dependencies.mounter);
    this.#writer = this.#newWriter(isNew);
  }

  get generation(): string | undefined {
    return this.#writer.generation;
  }

  get targets(): readonly string[] {
    return this.#publications.targets;
  }

  get boundElsewhere(): number {
    return this.#writer.boundElsewhere;
  }

  files(): readonly FileSummary[] {
    return this.#writer.files();
  }

  write(payload: Payload): Awaitable<WriteOutcome> {
    if (this.#hasOrphan && !this.#publications.hasWhole) this.#unpublished = payload;
    return this.#dependencies.slices.run(this.#withRoom('write a new generation', () => this.#writer.writing(payload)));
  }

  look(): Awaitable<Findings> {
    return this.#dependencies.slices.run(this.#looking());
  }

  *#looking(): Steps<Findings> {
    const repaired = yield* this.#withRoom('repair a damaged generation', () => this.#writer.looking());
    return { repaired, lasting: this.#publications.damaged(this.#writer.damagedPins) };
  }

  saveRecord(record: VolumeRecord): void {
    this.#save('save the record', () => this.#home.saveRecord(record));
  }

  saveInputs(inputs: KeptInputs | undefined): void {
    this.#save("save the request's own data", () => this.#home.saveInputs(inputs));
  }

  publish(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce: (shown: PublishedTarget) => void = () => {},
  ): PublishedTarget {
    const { targets, mounter, pools } = this.#dependencies;
    using parent = targets.open(target);
    using existing = parent.openExisting();
    const found = existing && mounter.identify(existing);
    let publication: Publication | undefined;
    if (existing !== undefined && found?.isMountRoot) {
      publication = this.#takeMounted(existing, found, subPath);
      // The mount that was in the way is gone: try again, with what was below it.
      if (publication === undefined) return this.publish(target, subPath, flags, announce);
      announce({ pinnedGeneration: publication.pinnedGeneration, mountId: publication.mountId });
    } else {
      if (existing !== undefined && found !== undefined && pools.hasDevice(found.device))
        throw foreign(existing, 'it lies inside a published volume');
      const part = subPath === undefined ? undefined : this.#writer.resolveSubPath(subPath);
      const source = { path: part?.path ?? this.#home.dataDirectory, isDirectory: part?.type !== 'file' };
      const pinnedGeneration = part?.generation;
      const shown = cover(parent, existing, source, flags, mounter, ({ mountId }) =>
        announce({ pinnedGeneration, mountId }),
      );
      publication = publicationOf(shown, subPath, pinnedGeneration);
    }
    this.remember(parent.target, publication);
    if (subPath === undefined) this.#unpublished = undefined;
    return { pinnedGeneration: publication.pinnedGeneration, mountId: publication.mountId };
  }

  unpublish(target: string, inThread = false): Awaitable<void> {
    const { targets, mounter, pools } = this.#dependencies;
    const path = this.#publications.get(target) ? target : (targets.tryResolve(target) ?? target);
    const known = this.#publications.get(path);
    if (known !== undefined) {
      const steps = uncovering(path, known, this.#dependencies);
      if (inThread) return unmountInThread(steps, mounter).then(() => this.forget(path));
      unmountNow(steps, mounter);
      this.forget(path);
      return;
    }
    using parent = targets.openIfThere(target);
    if (parent !== undefined) unmountNow(clearing(parent, this.directoryName, pools, mounter), mounter);
  }

  forget(target: string): void {
    const generation = this.#publications.get(target)?.pinnedGeneration;
    this.#publications.delete(target);
    if (generation !== undefined) this.#writer.unpin(generation);
  }

  isInPlace(): boolean {
    return this.#publications.displaced.length === 0;
  }

  vanished(table: ReadonlyMap<number, MountEntry>): readonly string[] {
    return this.#publications.vanished(table);
  }

  isPublished(target: string): boolean {
    const { targets, mounter } = this.#dependencies;
    using parent = targets.openIfThere(target);
    const known = parent && this.#publications.get(parent.target);
    using existing = parent?.openAny();
    return known !== undefined && existing !== undefined && isSame(mounter.identify(existing), known);
  }

  isUntouched(target: string): boolean {
    if (!this.#writer.isUntouched) return false;
    const { targets, mounter } = this.#dependencies;
    const path = this.#publications.get(target) === undefined ? targets.tryResolve(target) : target;
    const known = path === undefined ? undefined : this.#publications.get(path);
    if (path === undefined || known === undefined) return false;
    using parent = targets.openPublished(path);
    const found = parent && mounter.identify(parent);
    return found?.isDeleted === false && isSame(found, known);
  }

  remove(): Awaitable<void> {
    return this.#dependencies.slices.run(this.removing());
  }

  *removing(): Steps<void> {
    if (this.targets.length > 0) {
      throw new LanternError(
        'failed-precondition',
        `remove the volume "${this.directoryName}": it is still published at ${this.targets.map((target) => `"${target}"`).join(', ')}; unpublish it first`,
      );
    }
    this.#writer.abandon();
    try {
      // An adopted mount covers the data directory.
      this.#dependencies.mounter.unmount(this.#home.dataDirectory);
      yield* this.#home.removing(this.#writer.tryRemoving());
    } catch (error) {
      throw toLanternError(error, `remove the volume "${this.directoryName}"`);
    }
    this.#dependencies.onRemove(this);
  }

  usage(): VolumeUsage {
    return readUsage(this.#home.dataDirectory);
  }

  /** Notes a publication that exists, and keeps the generation it is pinned to. */
  remember(target: string, publication: Publication): void {
    const before = this.#publications.get(target);
    if (before === publication) return;
    if (before !== undefined) this.forget(target);
    if (publication.pinnedGeneration !== undefined) this.#writer.pin(publication.pinnedGeneration);
    this.#publications.set(target, publication);
  }

  /** Stops timers; mounts and files stay. */
  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  /**
   * Returns the mount at the target if it already is the publication of `subPath`. Unmounts a useless leftover of this
   * volume and returns undefined. Throws `failed-precondition` for others' mounts, and for one that shows another part.
   */
  #takeMounted(
    existing: OpenedTarget,
    found: FileIdentity,
    subPath: RelativePath | undefined,
  ): Publication | undefined {
    const { mounter, pools } = this.#dependencies;
    const known = this.#publications.get(existing.target);
    if (known !== undefined && isSame(known, found)) {
      if (known.subPath !== subPath) throw foreign(existing, 'another part of this volume is mounted there');
      if (!found.isDeleted) return known;
      mounter.unbind(existing);
      return undefined;
    }
    const whole = publicationOf(found, undefined, undefined);
    if (subPath === undefined && isShowing(found, this.#home.dataDirectory, mounter)) return whole;
    const orphan = findPublication(mounter, found);
    const isOwnDeleted = orphan?.isDeleted === true && pools.hasDevice(found.device);
    if (orphan?.home !== this.directoryName || (orphan.isPoolMounted && !isOwnDeleted))
      throw foreign(existing, 'another mount is already there');
    if (orphan.isDeleted) {
      // It shows nothing, or files that cannot be found again. No update can reach it.
      mounter.unbind(existing);
      return undefined;
    }
    if (orphan.subPath !== subPath) throw foreign(existing, 'another part of this volume is mounted there');
    if (subPath !== undefined) return publicationOf(found, subPath, orphan.generation);
    if (this.#publications.hasWhole) {
      // The volume is already published from a new pool. Adopting the orphan would cut that off from updates.
      mounter.unbind(existing);
      return undefined;
    }
    this.#adopt(existing);
    return whole;
  }

  /**
   * Continues in the file system of a publication whose pool is gone, so that those who have it open see updates. The
   * adopted mount covers what was written into the new pool, which is removed with the home.
   */
  #adopt(orphan: OpenedTarget): void {
    const { mounter } = this.#dependencies;
    // A timer of the old writer must not act on the file system that covers its own.
    this.#writer[Symbol.dispose]();
    mounter.adopt(orphan, this.#home.dataDirectory);
    // The orphan is not in this pool.
    const writer = this.#newWriter(false, new PoolRoom());
    try {
      if (this.#unpublished !== undefined) writer.write(this.#unpublished);
    } catch (error) {
      mounter.unmount(this.#home.dataDirectory);
      throw toLanternError(error, `take over the volume mounted at "${orphan.target}"`);
    }
    this.#writer = writer;
  }

  #newWriter(isNew: boolean, room = this.pool.room): VolumeWriter {
    const { fs, clock, retirements, mounter } = this.#dependencies;
    const directory = this.#home.dataDirectory;
    return new VolumeWriter({
      fs,
      clock,
      directory,
      isNew,
      pool: room,
      room: this.pool.retired,
      queue: retirements,
      isOwnPlace: (place) => isDataOf(this.directoryName, directory, place, mounter),
    });
  }

  /** As `#withRoom`, in one step. */
  #save(what: string, action: () => void): void {
    try {
      action();
      return;
    } catch (error) {
      this.#requireRoom(error, what);
    }
    finish(this.pool.retired.retiringNow());
    try {
      action();
    } catch (error) {
      throw this.#failure(error, what);
    }
  }

  /** If the pool is full, makes room and tries again. Errors name the volume. */
  *#withRoom<T>(what: string, action: () => Steps<T>): Steps<T> {
    try {
      return yield* action();
    } catch (error) {
      this.#requireRoom(error, what);
    }
    yield* this.pool.retired.retiringNow();
    try {
      return yield* action();
    } catch (error) {
      throw this.#failure(error, what);
    }
  }

  /** Throws any failure that room would not end. */
  #requireRoom(error: unknown, what: string): void {
    if (toLanternError(error, what).code !== 'resource-exhausted') throw this.#failure(error, what);
  }

  #failure(error: unknown, what: string): LanternError {
    const tried = `${what} of the volume "${this.directoryName}"`;
    const failure = toLanternError(error, tried);
    if (failure.code === 'not-found' && !this.#dependencies.pools.isMounted(this.pool))
      return poolIsGone(this.pool, tried);
    return errnoOf(error) === 'ENOSPC' ? poolIsFull(this.pool, tried, error) : failure;
  }
}
