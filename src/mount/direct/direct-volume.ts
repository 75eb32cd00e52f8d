import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { type Awaitable, finish, type Slices, type Steps } from '../../base/steps.ts';
import { byteOrder, type Payload } from '../../payload/payload.ts';
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
import type { VolumeHome } from '../../volume/volume-home.ts';
import type { VolumeWriter } from '../../volume/volume-writer.ts';
import type { BindLookout } from '../bind-lookout.ts';
import type { Findings, HostedVolume, LiveTarget, PublishedTarget, VolumeUsage } from '../publisher.ts';
import { ClaimsFile } from './claims.ts';
import { type Ownership, requireGivable } from './ownership.ts';
import { DirectPublications } from './publications.ts';
import { contentsAt } from './sub-path.ts';
import type { DirectTargets } from './targets.ts';

/** What a volume has around it: its place in the run directory, and what all volumes of the publisher share. */
type DirectSurroundings = {
  /** Where home and claims are. */
  readonly directory: string;
  readonly home: VolumeHome;
  readonly clock: Clock;
  /** In which all volumes take their turns. */
  readonly slices: Slices;
  /** Sees what others have bound of what lies in any target. */
  readonly lookout: BindLookout;
  readonly targets: DirectTargets;
  readonly ownership: Ownership;
  /** What of them may be written down, where that would be on a disk; throws for the request's own secret bytes. */
  readonly keepable: (inputs: KeptInputs) => KeptInputs | undefined;
  readonly onRemove: () => void;
};

/**
 * A volume that is rendered in each of its targets. The payload is held in memory, to be rendered at further targets;
 * after a restart it is unknown until the next write.
 */
export class DirectVolume implements HostedVolume {
  readonly directoryName: string;
  readonly #around: DirectSurroundings;
  readonly #publications: DirectPublications;
  /**
   * The time in the names of generations, in whole milliseconds since 1970. It stands still between writes, so that one
   * payload's generation has the same name in every target, whenever the target is published.
   */
  #writtenAt: number;
  #held: Payload | undefined;
  /** A failed write may have left some targets newer than others. */
  #isUneven = false;
  /** Of the last write, for when no whole-volume target has a generation of its own. */
  #lastGeneration: string | undefined;

  constructor(directoryName: string, around: DirectSurroundings) {
    this.directoryName = directoryName;
    this.#around = around;
    this.#writtenAt = Math.trunc(around.clock.now());
    this.#publications = new DirectPublications(new ClaimsFile(around.directory), around.targets, {
      clock: around.clock,
      lookout: around.lookout,
      nameTime: () => this.#writtenAt,
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
    return [...this.#heldFiles.values()].map(({ read: _, ...summary }) => summary);
  }

  write(payload: Payload): Awaitable<WriteOutcome> {
    return this.#around.slices.run(this.#writing(payload));
  }

  *#writing(payload: Payload): Steps<WriteOutcome> {
    const { generation } = this;
    if (generation !== undefined && this.#held?.digest === payload.digest && !this.#isUneven) {
      return { changed: false, generation, previous: generation, changedPaths: [] };
    }
    requireGivable(payload, this.#around.ownership);
    this.#isUneven = true;
    this.#writtenAt = Math.max(this.#writtenAt + 1, Math.trunc(this.#around.clock.now()));
    const outcome = (yield* this.#writeEverywhere(payload)) ?? (yield* this.#writeNowhere(payload));
    this.#isUneven = false;
    this.#held = payload;
    this.#lastGeneration = outcome.generation;
    return outcome;
  }

  look(): Awaitable<Findings> {
    return this.#around.slices.run(this.#looking());
  }

  *#looking(): Steps<Findings> {
    const repaired = new Set<string>();
    const lasting: string[] = [];
    for (const publication of this.#publications.all) {
      publication.lookAgain();
      if (publication.isUntouched) continue;
      if (this.#publications.isThere(publication)) {
        for (const phrase of yield* publication.looking()) repaired.add(phrase);
      } else {
        lasting.push(`the target "${publication.claim.target}" was taken away; mount the volume there again`);
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
    return this.#around.slices.run(this.#publishing(target, subPath, flags, announce));
  }

  *#publishing(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce: (shown: PublishedTarget) => void,
  ): Steps<PublishedTarget> {
    const shown = (pinnedGeneration: string | undefined): PublishedTarget => {
      return { pinnedGeneration, mountId: undefined };
    };
    const refuse = (code: 'failed-precondition' | 'internal', why: string): LanternError =>
      new LanternError(code, `publish at "${target}": ${why}`);
    if (flags.length > 0) {
      throw refuse(
        'failed-precondition',
        `nothing is mounted here, so the mount flags ${flags.join(', ')} cannot be given; leave them out, or start with --publisher bind`,
      );
    }
    const known = this.#publications.get(target);
    if (known !== undefined && this.#publications.isVisible(known)) {
      if (known.subPath === subPath) {
        announce(shown(known.pinnedGeneration));
        return shown(known.pinnedGeneration);
      }
      throw refuse('failed-precondition', 'another part of the volume is there; take it away first');
    }
    // Somebody took it away: what may be left goes, and the target is rendered anew.
    if (known !== undefined) yield* this.#publications.removing(known);
    const { generation } = this;
    if (this.#held === undefined || generation === undefined) {
      throw refuse('internal', 'nothing was written to the volume yet');
    }
    const contents = contentsAt(this.#held, subPath, generation);
    announce(shown(subPath === undefined ? undefined : generation));
    const { pinnedGeneration } = yield* this.#publications.add(target, contents, this.#held);
    return shown(pinnedGeneration);
  }

  unpublish(target: string): Awaitable<void> {
    const publication = this.#publications.get(target);
    return publication && this.#around.slices.run(this.#publications.removing(publication));
  }

  /** No mount can vanish. A target that is gone is a damage, which looks tell until it is published anew, or taken away. */
  isInPlace(): boolean {
    return true;
  }

  forget(target: string): Awaitable<void> {
    return this.unpublish(target);
  }

  isPublished(target: string): boolean {
    const publication = this.#publications.get(target);
    return publication !== undefined && this.#publications.isVisible(publication);
  }

  saveRecord(record: VolumeRecord): void {
    this.#attempt('save the record of', () => this.#around.home.saveRecord(record));
  }

  saveInputs(inputs: KeptInputs | undefined): void {
    const keepable = inputs && this.#around.keepable(inputs);
    this.#attempt("save the request's own data for", () => this.#around.home.saveInputs(keepable));
  }

  remove(): void {
    const targets = this.#publications.all.map(({ claim }) => `"${claim.target}"`);
    if (targets.length > 0) {
      throw new LanternError(
        'failed-precondition',
        `remove the volume "${this.directoryName}": it is still published at ${targets.join(', ')}; unpublish it first`,
      );
    }
    this.#attempt('remove', () => this.#around.home.remove());
    this.#around.onRemove();
  }

  /** Of the file system that the first target lies on; before there is one, of that with the records. */
  usage(): VolumeUsage {
    return readUsage(this.#publications.all[0]?.opened.path ?? this.#around.directory);
  }

  /** Where an earlier daemon's publications live on. */
  takeOver(): readonly LiveTarget[] {
    return this.#publications.takeOver().map(({ claim: { target }, subPath, pinnedGeneration }) => {
      return { target, subPath, pinnedGeneration, mountId: undefined };
    });
  }

  unpublishAll(): void {
    for (const publication of this.#publications.all) finish(this.#publications.removing(publication));
  }

  /** Stops what is pending; the targets keep what is in them. */
  [Symbol.dispose](): void {
    this.#publications[Symbol.dispose]();
  }

  get #writers(): readonly VolumeWriter[] {
    return this.#publications.all.flatMap(({ writer }) => writer ?? []);
  }

  get #heldFiles(): GenerationContents['files'] {
    return this.#held === undefined ? NO_CONTENTS.files : contentsOf(this.#held, nodeFileSystem.owner).files;
  }

  /** Every target is tried, whatever happens at the others; undefined when there is none. */
  *#writeEverywhere(payload: Payload): Steps<WriteOutcome | undefined> {
    const outcomes: WriteOutcome[] = [];
    const errors: unknown[] = [];
    for (const publication of this.#publications.all) {
      try {
        const outcome = yield* publication.update(payload);
        if (outcome !== undefined) outcomes.push(outcome);
      } catch (error) {
        // A target that was removed behind our back is no reason to leave the others stale.
        if (this.#publications.isVisible(publication)) errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
    const [first] = outcomes;
    if (first === undefined) return undefined;
    const paths = new Set(outcomes.flatMap((outcome) => outcome.changedPaths));
    return { ...first, changed: outcomes.some(({ changed }) => changed), changedPaths: [...paths].sort(byteOrder) };
  }

  /** Held for later targets only. After a restart it is taken for what the copies of subPaths are from: nobody sees a change. */
  *#writeNowhere(payload: Payload): Steps<WriteOutcome> {
    const isTakenOver = this.#held === undefined && this.#publications.all.length > 0;
    const files = contentsOf(payload, nodeFileSystem.owner).files;
    return {
      changed: !isTakenOver,
      generation: generationName(this.#writtenAt),
      previous: this.#lastGeneration,
      changedPaths: isTakenOver ? [] : yield* changedPaths(this.#heldFiles, files),
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
