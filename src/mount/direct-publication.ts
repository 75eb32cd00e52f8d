import { statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import type { Slices } from '../base/slices.ts';
import { guarded, type Steps } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import { nodeFileSystem } from '../volume/node-file-system.ts';
import { VolumeWriter } from '../volume/volume-writer.ts';
import type { Claim } from './direct-claims.ts';
import { isOfCopy, isOfVolume, removeOurs } from './direct-removal.ts';
import { selectSubPath, writeDirectoryCopy, writeFileCopy } from './direct-sub-path.ts';
import type { DirectTargets } from './direct-targets.ts';
import type { OpenedTarget } from './opened-target.ts';

/**
 * One target that is ours, held open: whatever becomes of the path, the writer's steps and timers reach this very
 * directory. That costs one descriptor per publication.
 */
export class DirectPublication implements Disposable {
  readonly opened: OpenedTarget;
  /** For a whole volume. */
  readonly writer: VolumeWriter | undefined;
  #claim: Claim;
  #isDisposed = false;

  /** Takes over `opened`. */
  constructor(claim: Claim, opened: OpenedTarget, clock: Clock, slices: Slices) {
    this.opened = opened;
    this.#claim = claim;
    if (claim.contents.kind === 'volume') {
      this.writer = new VolumeWriter({ fs: nodeFileSystem, directory: opened.path, clock, slices });
    }
  }

  /** Whether its descriptor is closed: the number may be another file's by now. */
  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  get claim(): Claim {
    return this.#claim;
  }

  get subPath(): RelativePath | undefined {
    const { contents } = this.#claim;
    return contents.kind === 'volume' ? undefined : contents.subPath;
  }

  get pinnedGeneration(): string | undefined {
    const { contents } = this.#claim;
    return contents.kind === 'volume' ? undefined : contents.generation;
  }

  /** The first rendering, into what was prepared empty. */
  *render(payload: Payload): Steps<void> {
    yield* this.#naming(this.#renderContents(payload));
    this.#claim = { ...this.#claim, isComplete: true };
  }

  *#renderContents(payload: Payload): Steps<void> {
    const { mountGroup } = payload;
    const selected = this.subPath === undefined ? undefined : selectSubPath(payload, this.subPath);
    if (selected?.kind === 'file') {
      writeFileCopy(this.opened.path, selected.file, mountGroup);
    } else if (selected?.kind === 'directory') {
      yield* writeDirectoryCopy(this.opened.path, selected.files, mountGroup);
    } else if (this.writer !== undefined) {
      yield* this.writer.writing(payload);
    }
  }

  /** Swaps the payload in. A copy of a subPath stays as it is: undefined. */
  *update(payload: Payload): Steps<WriteOutcome | undefined> {
    return this.writer && (yield* this.#naming(this.writer.writing(payload)));
  }

  /** Whether somebody who opens the target's path now finds all that was published. */
  isVisible(targets: DirectTargets): boolean {
    const { target, identity, contents, isComplete } = this.#claim;
    using found = targets.find(target, identity);
    if (found === undefined || !isComplete) return false;
    return contents.kind !== 'volume' || isDirectory(`${found.path}/..data`);
  }

  /** Takes away what was rendered, and the target when nothing else is in it. */
  withdraw(targets: DirectTargets): void {
    this.removeContents();
    targets.remove(this.#claim.target, this.#claim.identity);
  }

  /** Takes away what was rendered; the target itself stays, a file with its bytes. */
  removeContents(): void {
    const { contents } = this.#claim;
    if (contents.kind === 'volume') removeOurs(this.opened.fd, isOfVolume);
    if (contents.kind === 'directory') removeOurs(this.opened.fd, isOfCopy(contents.files));
  }

  /** A failure names the target rather than the descriptor, which says nothing to anybody. */
  *#naming<T>(steps: Steps<T>): Steps<T> {
    const { target } = this.#claim;
    try {
      return yield* guarded(steps, () => this.#requireLife());
    } catch (error) {
      const { code, message, faults, reason } = toLanternError(error, `render the volume at "${target}"`);
      const named = message.replaceAll(this.opened.path, target);
      throw new LanternError(code, named, { cause: error, faults, ...(reason !== undefined && { reason }) });
    }
  }

  #requireLife(): void {
    if (!this.#isDisposed) return;
    throw new LanternError('unavailable', 'render the volume: the daemon stops; try again');
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.writer?.[Symbol.dispose]();
    this.opened[Symbol.dispose]();
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
