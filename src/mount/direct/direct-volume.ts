import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { type Awaitable, finish, type Slices, type Steps } from '../../base/steps.ts';
import { byteOrder, isSamePayload, type Payload } from '../../payload/payload.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { WriteOutcome } from '../../volume/atomic-writer.ts';
import { nodeFileSystem, readUsage } from '../../volume/file-system.ts';
import {
  changedPaths,
  contentsOf,
  type FileSummary,
  type GenerationContents,
  NO_CONTENTS,
} from '../../volume/generation-contents.ts';
import { generationName } from '../../volume/layout.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../../volume/record.ts';
import type { RetirementQueue } from '../../volume/retirement.ts';
import type { VolumeHome } from '../../volume/volume-home.ts';
import type { VolumeWriter } from '../../volume/volume-writer.ts';
import type { Findings, HostedVolume, LiveTarget, PublishedTarget, VolumeUsage } from '../publisher.ts';
import { ClaimsFile } from './claims.ts';
import { type Ownership, requireGivable } from './ownership.ts';
import { DirectPublications } from './publications.ts';
import { contentsAt } from './sub-path.ts';
import type { DirectTargets } from './targets.ts';

type DirectVolumeDependencies = {
  /** The volume's directory below the run directory, with home and claims. */
  readonly directory: string;
  readonly home: VolumeHome;
  readonly clock: Clock;
  /** Shared by all volumes, as is `retirements`. */
  readonly slices: Slices;
  readonly retirements: RetirementQueue;
  readonly targets: DirectTargets;
  readonly ownership: Ownership;
  /** Returns the part of the inputs that may be saved. Throws if the request's secret bytes would reach a disk. */
  readonly keepable: (inputs: KeptInputs) => KeptInputs | undefined;
  readonly onRemove: () => void;
};

/** A volume rendered in each target. The payload stays in memory for later ones; after a restart a write sets it. */
export class DirectVolume implements HostedVolume {
  readonly directoryName: string;
  readonly #dependencies: DirectVolumeDependencies;
  readonly #publications: DirectPublications;
  /**
   * The time in the names of generations, in whole milliseconds since 1970. It does not change between writes, so that
   * one payload's generation has the same name in every target, whenever that is published.
   */
  #writtenAt: number;
  #payload: Payload | undefined;
  /** True after a failed write, which may have left some targets newer than others. */
  #isUneven = false;
  /** The generation of the last write, used while no target shows the whole volume. */
  #lastGeneration: string | undefined;

  constructor(directoryName: string, dependencies: DirectVolumeDependencies) {
    this.directoryName = directoryName;
    const { directory, targets, clock, retirements } = dependencies;
    this.#dependencies = dependencies;
    this.#writtenAt = Math.trunc(clock.now());
    this.#publications = new DirectPublications(new ClaimsFile(directory), {
      targets,
      clock,
      retirements,
      namesClock: { now: () => this.#writtenAt },
    });
  }

  get generation(): string | undefined {
    return this.#writers[0]?.generation ?? this.#lastGeneration;
  }

  get boundElsewhere(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.boundElsewhere, 0);
  }

  files(): readonly FileSummary[] {
    const [writer] = this.#writers;
    if (writer !== undefined) return writer.files();
    return [...this.#payloadFiles.values()].map(({ read: _, ...summary }) => summary);
  }

  write(payload: Payload): Awaitable<WriteOutcome> {
    return this.#dependencies.slices.run(this.#writing(payload));
  }

  *#writing(payload: Payload): Steps<WriteOutcome> {
    const { generation } = this;
    const isSame = this.#payload !== undefined && isSamePayload(this.#payload, payload);
    if (generation !== undefined && isSame && !this.#isUneven) {
      return { changed: false, generation, previous: generation, changedPaths: [] };
    }
    requireGivable(payload, this.#dependencies.ownership);
    this.#isUneven = true;
    this.#writtenAt = Math.max(this.#writtenAt + 1, Math.trunc(this.#dependencies.clock.now()));
    const outcome = (yield* this.#writeEverywhere(payload)) ?? (yield* this.#writeNowhere(payload));
    this.#isUneven = false;
    this.#payload = payload;
    this.#lastGeneration = outcome.generation;
    return outcome;
  }

  look(): Awaitable<Findings> {
    return this.#dependencies.slices.run(this.#looking());
  }

  *#looking(): Steps<Findings> {
    const repaired = new Set<string>();
    const lasting: string[] = [];
    for (const publication of this.#publications.all) {
      publication.writer?.lookAgain();
      if (publication.isUntouched) continue;
      if (publication.isThere()) {
        for (const phrase of yield* publication.looking()) repaired.add(phrase);
      } else {
        lasting.push(`the target "${publication.claim.target}" was removed or moved; mount the volume there again`);
      }
    }
    return { repaired: [...repaired], lasting };
  }

  publish(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce: (shown: PublishedTarget) => void = () => {},
  ): Awaitable<PublishedTarget> {
    return this.#dependencies.slices.run(this.#publishing(target, subPath, flags, announce));
  }

  *#publishing(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce: (shown: PublishedTarget) => void,
  ): Steps<PublishedTarget> {
    const refuse = (code: 'failed-precondition' | 'internal', why: string): LanternError =>
      new LanternError(code, `publish at "${target}": ${why}`);
    if (flags.length > 0) {
      throw refuse(
        'failed-precondition',
        `the direct publisher mounts nothing, so the mount flags ${flags.join(', ')} cannot be set; leave them out, or start with --publisher bind`,
      );
    }
    const known = this.#publications.get(target);
    if (known?.isVisible()) {
      if (known.subPath === subPath) {
        const shown = { pinnedGeneration: known.pinnedGeneration, mountId: undefined };
        announce(shown);
        return shown;
      }
      throw refuse('failed-precondition', 'another part of the volume is published there; unpublish it first');
    }
    // Somebody removed or damaged it. The rest is removed, and the target is rendered again.
    if (known !== undefined) yield* this.#publications.removing(known);
    const { generation } = this;
    if (this.#payload === undefined || generation === undefined) {
      throw refuse('internal', 'nothing was written to the volume yet');
    }
    const contents = contentsAt(this.#payload, subPath, generation);
    const shown = { pinnedGeneration: subPath === undefined ? undefined : generation, mountId: undefined };
    announce(shown);
    yield* this.#publications.add(target, contents, this.#payload);
    return shown;
  }

  unpublish(target: string): Awaitable<void> {
    const publication = this.#publications.get(target);
    return publication && this.#dependencies.slices.run(this.#publications.removing(publication));
  }

  /** There are no mounts. A removed target is a damage, which `look` reports until it is published or unpublished. */
  isInPlace(): boolean {
    return true;
  }

  forget(target: string): Awaitable<void> {
    return this.unpublish(target);
  }

  isPublished(target: string): boolean {
    const publication = this.#publications.get(target);
    return publication?.isVisible() === true;
  }

  isUntouched(target: string): boolean {
    if (this.#isUneven || !this.isPublished(target)) return false;
    // A copy of a subPath is never written again.
    return this.#publications.all.every((each) => (each.writer === undefined ? each.isThere() : each.isUntouched));
  }

  saveRecord(record: VolumeRecord): void {
    this.#attempt('save the record of', () => this.#dependencies.home.saveRecord(record));
  }

  saveInputs(inputs: KeptInputs | undefined): void {
    const keepable = inputs && this.#dependencies.keepable(inputs);
    this.#attempt("save the request's own data for", () => this.#dependencies.home.saveInputs(keepable));
  }

  remove(): void {
    const targets = this.#publications.all.map(({ claim }) => `"${claim.target}"`);
    if (targets.length > 0) {
      throw new LanternError(
        'failed-precondition',
        `remove the volume "${this.directoryName}": it is still published at ${targets.join(', ')}; unpublish it first`,
      );
    }
    this.#attempt('remove', () => this.#dependencies.home.remove());
    this.#dependencies.onRemove();
  }

  /** Of the file system of the first target, or of the records if there is no target. */
  usage(): VolumeUsage {
    return readUsage(this.#publications.all[0]?.opened.path ?? this.#dependencies.directory);
  }

  takeOver(): readonly LiveTarget[] {
    return this.#publications.takeOver().map(({ claim: { target }, subPath, pinnedGeneration }) => {
      return { target, subPath, pinnedGeneration, mountId: undefined };
    });
  }

  unpublishAll(): void {
    for (const publication of this.#publications.all) finish(this.#publications.removing(publication));
  }

  /** Stops timers; targets keep their contents. */
  [Symbol.dispose](): void {
    this.#publications[Symbol.dispose]();
  }

  get #writers(): readonly VolumeWriter[] {
    return this.#publications.all.flatMap(({ writer }) => writer ?? []);
  }

  get #payloadFiles(): GenerationContents['files'] {
    return this.#payload === undefined ? NO_CONTENTS.files : contentsOf(this.#payload, nodeFileSystem.owner).files;
  }

  /** Writes to every target, even if one fails; undefined if no target shows the whole volume. */
  *#writeEverywhere(payload: Payload): Steps<WriteOutcome | undefined> {
    const outcomes: WriteOutcome[] = [];
    const errors: unknown[] = [];
    for (const publication of this.#publications.all) {
      try {
        const outcome = yield* publication.update(payload);
        if (outcome !== undefined) outcomes.push(outcome);
      } catch (error) {
        // A target that somebody removed is not a failure.
        if (publication.isVisible()) errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
    const [first] = outcomes;
    if (first === undefined) return undefined;
    const paths = new Set(outcomes.flatMap((outcome) => outcome.changedPaths));
    return { ...first, changed: outcomes.some(({ changed }) => changed), changedPaths: [...paths].sort(byteOrder) };
  }

  /** Keeps the payload for later targets. After a restart, copies of subPaths count as made from it, unchanged. */
  *#writeNowhere(payload: Payload): Steps<WriteOutcome> {
    const isTakenOver = this.#payload === undefined && this.#publications.all.length > 0;
    const files = contentsOf(payload, nodeFileSystem.owner).files;
    return {
      changed: !isTakenOver,
      generation: generationName(this.#writtenAt),
      previous: this.#lastGeneration,
      changedPaths: isTakenOver ? [] : yield* changedPaths(this.#payloadFiles, files),
    };
  }

  #attempt(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      throw toLanternError(error, `${what} the volume "${this.directoryName}"`);
    }
  }
}
