import { statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
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

  /** Takes over `opened`. */
  constructor(claim: Claim, opened: OpenedTarget, clock: Clock) {
    this.opened = opened;
    this.#claim = claim;
    if (claim.contents.kind === 'volume') {
      this.writer = new VolumeWriter({ fs: nodeFileSystem, directory: opened.path, clock });
    }
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
  render(payload: Payload): void {
    this.#naming(() => this.#renderContents(payload));
    this.#claim = { ...this.#claim, isComplete: true };
  }

  #renderContents(payload: Payload): void {
    const { mountGroup } = payload;
    const selected = this.subPath === undefined ? undefined : selectSubPath(payload, this.subPath);
    if (selected?.kind === 'file') {
      writeFileCopy(this.opened.path, selected.file, mountGroup);
    } else if (selected?.kind === 'directory') {
      writeDirectoryCopy(this.opened.path, selected.files, mountGroup);
    } else {
      this.writer?.write(payload);
    }
  }

  /** Swaps the payload in. A copy of a subPath stays as it is: undefined. */
  update(payload: Payload): WriteOutcome | undefined {
    return this.#naming(() => this.writer?.write(payload));
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
  #naming<T>(action: () => T): T {
    const { target } = this.#claim;
    try {
      return action();
    } catch (error) {
      const { code, message, faults, reason } = toLanternError(error, `render the volume at "${target}"`);
      const named = message.replaceAll(this.opened.path, target);
      throw new LanternError(code, named, { cause: error, faults, ...(reason !== undefined && { reason }) });
    }
  }

  [Symbol.dispose](): void {
    this.writer?.[Symbol.dispose]();
    this.opened[Symbol.dispose]();
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
