import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { type Awaitable, finish, inOneStep, type Slices, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { WriteOutcome } from '../../volume/atomic-writer.ts';
import { readUsage, type VolumeFs } from '../../volume/file-system.ts';
import type { FileSummary } from '../../volume/generation-contents.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../../volume/record.ts';
import type { VolumeHome } from '../../volume/volume-home.ts';
import { VolumeWriter } from '../../volume/volume-writer.ts';
import type { BindLookout } from '../bind-lookout.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { OpenedParent, OpenedTarget } from '../linux/opened-target.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { Findings, HostedVolume, PublishedTarget, VolumeUsage } from '../publisher.ts';
import type { TargetRoots } from '../targets/target.ts';
import { BoundPublications, type Publication } from './bound-publications.ts';
import { clearTarget, cover, foreign, isSame, isShowing, type Shown, uncover } from './cover.ts';
import { type Pool, poolIsFull, poolIsGone } from './pools.ts';
import { findPublication, isDataOf } from './publication-root.ts';

/** A volume in a pool, bound read-only wherever it is published. */
export class BoundVolume implements HostedVolume {
  readonly directoryName: string;
  readonly #home: VolumeHome;
  readonly #around: Surroundings;
  readonly #publications: BoundPublications;
  #writer: VolumeWriter;
  /** With an orphan about: what was written last, until a whole publication decides whether the orphan shall show it. */
  #unpublished: Payload | undefined;

  constructor(directoryName: string, home: VolumeHome, around: Surroundings, isNew = false) {
    this.directoryName = directoryName;
    this.#home = home;
    this.#around = around;
    this.#publications = new BoundPublications(around.mounter);
    this.#writer = this.#newWriter(isNew);
  }

  get generation(): string | undefined {
    return this.#writer.generation;
  }

  get pool(): Pool {
    return this.#around.pool;
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
    if (this.#around.hasOrphan && !this.#publications.hasWhole) this.#unpublished = payload;
    return this.#around.slices.run(this.#withRoom('write a new generation', () => this.#writer.writing(payload)));
  }

  look(): Awaitable<Findings> {
    return this.#around.slices.run(this.#looking());
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
    const { targets, mounter } = this.#around;
    using parent = targets.open(target);
    using existing = parent.openExisting();
    const found = existing && mounter.identify(existing);
    let publication: Publication | undefined;
    if (existing !== undefined && found?.isMountRoot) {
      publication = this.#standing(existing, found, subPath);
      // What was there is gone: again, with what it lay on.
      if (publication === undefined) return this.publish(target, subPath, flags, announce);
      announce(published(publication));
    } else {
      if (existing !== undefined && found !== undefined && this.#around.isPool(found.device))
        throw foreign(existing, 'it lies in a published volume');
      publication = this.#cover(parent, existing, subPath, flags, announce);
    }
    this.remember(parent.target, publication);
    if (subPath === undefined) this.#unpublished = undefined;
    return published(publication);
  }

  unpublish(target: string): void {
    const { targets, mounter, isPool } = this.#around;
    const path = this.#publications.get(target) ? target : (targets.tryResolve(target) ?? target);
    const known = this.#publications.get(path);
    if (known !== undefined) {
      uncover(path, known, this.#around);
      this.forget(path);
      return;
    }
    using parent = targets.openIfThere(target);
    if (parent !== undefined) clearTarget(parent, this.directoryName, isPool, mounter);
  }

  forget(target: string): void {
    const generation = this.#publications.get(target)?.pinnedGeneration;
    this.#publications.delete(target);
    if (generation !== undefined) this.#writer.unpin(generation);
  }

  isInPlace(): boolean {
    return this.#publications.displaced.length === 0;
  }

  /** Of the publications, those whose mounts are nowhere; see `BoundPublications.vanished`. */
  vanished(table: ReadonlyMap<number, MountEntry>): readonly string[] {
    return this.#publications.vanished(table);
  }

  isPublished(target: string): boolean {
    using parent = this.#around.targets.openIfThere(target);
    const known = parent && this.#publications.get(parent.target);
    using existing = parent?.openUnlessLink();
    return known !== undefined && existing !== undefined && isSame(this.#around.mounter.identify(existing), known);
  }

  remove(): Awaitable<void> {
    return this.#around.slices.run(this.removing());
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
      // An adopted mount lies on the data directory.
      this.#around.mounter.unmount(this.#home.dataDirectory);
      yield* this.#home.removing(this.#writer.tryRemoving());
    } catch (error) {
      throw toLanternError(error, `remove the volume "${this.directoryName}"`);
    }
    this.#around.onRemove();
  }

  usage(): VolumeUsage {
    return readUsage(this.#home.dataDirectory);
  }

  /** Notes a publication that is there, and keeps the generation it is pinned to. */
  remember(target: string, publication: Publication): void {
    if (this.#publications.get(target) === publication) return;
    this.forget(target);
    const { pinnedGeneration } = publication;
    if (pinnedGeneration !== undefined) this.#writer.pin(pinnedGeneration);
    this.#publications.set(target, publication);
  }

  *retiringNow(): Steps<void> {
    yield* this.#writer.retiringNow();
  }

  /** Stops what is pending; mounts and files stay. */
  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  #cover(
    parent: OpenedParent,
    existing: OpenedTarget | undefined,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce: (shown: PublishedTarget) => void,
  ): Publication {
    const part = subPath === undefined ? undefined : this.#writer.resolveSubPath(subPath);
    const pinnedGeneration = part?.generation;
    const source = {
      path: part?.path ?? this.#home.dataDirectory,
      isDirectory: part === undefined || part.type === 'directory',
    };
    const tell = ({ mountId }: Shown) => announce({ pinnedGeneration, mountId });
    const shown = cover(parent, existing, source, flags, this.#around.mounter, tell);
    return { ...shown, subPath, pinnedGeneration };
  }

  *#looking(): Steps<Findings> {
    const repaired = yield* this.#withRoom('write a damaged generation anew', () => this.#writer.looking());
    return { repaired, lasting: this.#publications.damaged(this.#writer.damagedPins) };
  }

  /**
   * What a mount at the target means for a publication of `subPath`: that it is there already, or (undefined) that it was
   * in the way, and is gone. `failed-precondition` when the mount is another's, or shows another part.
   */
  #standing(existing: OpenedTarget, found: FileIdentity, subPath: RelativePath | undefined): Publication | undefined {
    const { mounter, isPool } = this.#around;
    const known = this.#publications.get(existing.target);
    if (known !== undefined && isSame(known, found)) {
      if (known.subPath !== subPath) throw foreign(existing, 'it shows another part of this volume');
      if (!found.isDeleted) return known;
      mounter.unbind(existing);
      return undefined;
    }
    const whole: Publication = { ...found, subPath: undefined, pinnedGeneration: undefined };
    if (subPath === undefined && isShowing(found, this.#home.dataDirectory, mounter)) return whole;
    const orphan = findPublication(mounter, found);
    if (orphan?.home !== this.directoryName || (orphan.isPoolMounted && !(orphan.isDeleted && isPool(found.device))))
      throw foreign(existing, 'it is the mount of another');
    if (orphan.isDeleted) {
      // It shows nothing, or what cannot be found again: whoever has it mounted sees no update either way.
      mounter.unbind(existing);
      return undefined;
    }
    if (orphan.subPath !== subPath) throw foreign(existing, 'it shows another part of this volume');
    if (subPath !== undefined) return { ...found, subPath, pinnedGeneration: orphan.generation };
    if (this.#publications.hasWhole) {
      // The volume has begun a new life elsewhere already, which an adoption would cut off from updates.
      mounter.unbind(existing);
      return undefined;
    }
    this.#adopt(existing);
    return whole;
  }

  /**
   * Goes on in the file system of a publication whose pool is gone, so that those who have it open see updates. What
   * was written into the pool lies covered from then on, and goes with the home.
   */
  #adopt(orphan: OpenedTarget): void {
    const { mounter } = this.#around;
    // No timer of the old writer may reach into the file system that covers its own.
    this.#writer[Symbol.dispose]();
    mounter.adopt(orphan, this.#home.dataDirectory);
    const writer = this.#newWriter();
    try {
      if (this.#unpublished !== undefined) writer.write(this.#unpublished);
    } catch (error) {
      mounter.unmount(this.#home.dataDirectory);
      throw toLanternError(error, `go on with the volume mounted at "${orphan.target}"`);
    }
    this.#writer = writer;
  }

  #newWriter(isNew = false): VolumeWriter {
    const { fs, clock, pool, lookout, mounter } = this.#around;
    const directory = this.#home.dataDirectory;
    return new VolumeWriter({
      fs,
      clock,
      directory,
      isNew,
      isPooled: true,
      room: pool.retired,
      binds: lookout,
      isOwnPlace: (place) => isDataOf(this.directoryName, directory, place, mounter),
    });
  }

  #save(what: string, action: () => void): void {
    finish(this.#withRoom(what, () => inOneStep(action)));
  }

  *#withRoom<T>(what: string, action: () => Steps<T>): Steps<T> {
    try {
      return yield* action();
    } catch (error) {
      if (toLanternError(error, what).code !== 'resource-exhausted') throw this.#failure(error, what);
    }
    yield* this.#around.makeRoom();
    try {
      return yield* action();
    } catch (error) {
      throw this.#failure(error, what);
    }
  }

  #failure(error: unknown, what: string): LanternError {
    const tried = `${what} of the volume "${this.directoryName}"`;
    const failure = toLanternError(error, tried);
    if (failure.code === 'not-found' && !this.#around.isPoolThere()) return poolIsGone(this.pool, tried);
    return errnoOf(error) === 'ENOSPC' ? poolIsFull(this.pool, tried, error) : failure;
  }
}

function published({ pinnedGeneration, mountId }: Publication): PublishedTarget {
  return { pinnedGeneration, mountId };
}

/** What a bound volume has from its publisher. */
type Surroundings = {
  readonly fs: VolumeFs;
  readonly clock: Clock;
  /** In which the volumes of all pools take their turns. */
  readonly slices: Slices;
  readonly mounter: Mounter;
  /** Sees what others have bound of the volumes of all pools. */
  readonly lookout: BindLookout;
  readonly targets: TargetRoots;
  readonly pool: Pool;
  /** Whether a publication of this volume outlived its pool. */
  readonly hasOrphan: boolean;
  /** Whether a device is one of the daemon's pools. */
  readonly isPool: (device: string) => boolean;
  /** Whether the pool is still mounted. */
  readonly isPoolThere: () => boolean;
  /** Removes what the volumes of the pool keep for slow readers. */
  readonly makeRoom: () => Steps<void>;
  readonly onRemove: () => void;
};
