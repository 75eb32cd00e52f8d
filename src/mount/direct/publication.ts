import { chmodSync, fstatSync, truncateSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { guarded, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { WriteOutcome } from '../../volume/atomic-writer.ts';
import type { DirectoryEntry, FileType, VolumeFs } from '../../volume/file-system.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from '../../volume/layout.ts';
import type { RetirementQueue } from '../../volume/retirement.ts';
import { VolumeWriter } from '../../volume/volume-writer.ts';
import type { OpenedTarget } from '../linux/opened-target.ts';
import type { Claim } from './claims.ts';
import { descriptorFileSystem } from './descriptor-file-system.ts';
import { directoriesOf, selectSubPath, writeDirectoryCopy, writeFileCopy } from './sub-path.ts';
import { type DirectTargets, identityAt } from './targets.ts';

export type DirectPublicationDependencies = {
  readonly targets: DirectTargets;
  readonly clock: Clock;
  readonly retirements: RetirementQueue;
  /** Generations are named by this clock. */
  readonly namesClock: Pick<Clock, 'now'>;
};

/** A claimed target. Its one open descriptor leads steps and timers to this very directory, whatever its path shows. */
export class DirectPublication implements Disposable {
  readonly opened: OpenedTarget;
  /** Only for a whole volume. */
  readonly writer: VolumeWriter | undefined;
  /** The contents of a directory, and nothing outside of it. Its paths begin with the target's own. */
  readonly #fs: VolumeFs;
  readonly #targets: DirectTargets;
  #claim: Claim;
  #isDisposed = false;

  /** Takes ownership of `opened`. */
  constructor(claim: Claim, opened: OpenedTarget, dependencies: DirectPublicationDependencies) {
    const { targets, clock, retirements, namesClock } = dependencies;
    this.opened = opened;
    this.#targets = targets;
    this.#claim = claim;
    this.#fs = descriptorFileSystem(() => {
      this.#requireLife();
      return opened.fd;
    }, claim.target);
    if (claim.contents.kind === 'volume') {
      this.writer = new VolumeWriter({
        fs: this.#fs,
        directory: claim.target,
        clock,
        namesClock,
        // No `isOwnPlace`: others may move a directory above the target, so only the generation's name counts.
        queue: retirements,
      });
    }
  }

  /** True if its descriptor is closed: the number may be another file's by now. */
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

  /** Renders for the first time, into the empty target. */
  *render(payload: Payload): Steps<void> {
    yield* this.#withTarget(this.#renderContents(payload));
    this.#claim = { ...this.#claim, isComplete: true };
  }

  *#renderContents(payload: Payload): Steps<void> {
    const { mountGroup } = payload;
    const selected = this.subPath === undefined ? undefined : selectSubPath(payload, this.subPath);
    if (selected?.kind === 'file') {
      writeFileCopy(this.opened.path, selected.file, mountGroup);
    } else if (selected?.kind === 'directory') {
      yield* writeDirectoryCopy(this.#fs, this.#claim.target, selected.files, mountGroup);
    } else if (this.writer !== undefined) {
      yield* this.writer.writing(payload);
    }
  }

  /** Swaps the payload in. Undefined for a copy of a subPath, which stays as it is. */
  *update(payload: Payload): Steps<WriteOutcome | undefined> {
    return this.writer && (yield* this.#withTarget(this.writer.writing(payload)));
  }

  /** True if the path shows what the last look found complete. One call for the path, each file and directory. */
  get isUntouched(): boolean {
    const { target, identity } = this.#claim;
    return this.writer?.isUntouched === true && identityAt(target) === identity;
  }

  /** Looks and repairs, except for a copy of a subPath, which stays as it is. Returns a phrase for each damage. */
  *looking(): Steps<readonly string[]> {
    if (this.writer === undefined) return [];
    return yield* this.#withTarget(this.writer.looking());
  }

  /** True if the target's path still leads to what was made there, in whatever state that is. */
  isThere(): boolean {
    using found = this.#targets.find(this.#claim.target, this.#claim.identity);
    return found !== undefined;
  }

  /** True if the target's path shows everything that was published. */
  isVisible(): boolean {
    const { target, identity, contents, isComplete } = this.#claim;
    using found = this.#targets.find(target, identity);
    if (found === undefined || !isComplete) return false;
    // An earlier daemon may have been led to render in another user's directory.
    if (found.isDirectory && !this.#targets.isOwn(found)) return false;
    return contents.kind !== 'volume' || this.#showsGeneration();
  }

  /** True if `..data` leads to a generation in this very directory, rather than out of it. */
  #showsGeneration(): boolean {
    const { target } = this.#claim;
    if (this.#fs.lstat(`${target}/${DATA_LINK}`)?.type !== 'symlink') return false;
    const generation = this.#fs.readlink(`${target}/${DATA_LINK}`);
    return isGenerationName(generation) && this.#fs.lstat(`${target}/${generation}`)?.type === 'directory';
  }

  /** Removes what was rendered, and the target if nothing else is in it. */
  *withdrawing(): Steps<void> {
    yield* this.removingContents();
    this.#targets.remove(this.#claim.target, this.#claim.identity);
    if (this.#claim.contents.kind === 'file') this.#emptyIfMoved();
    // Generations kept for slow readers were removed with the rest.
    this.writer?.abandon();
  }

  /** Removes what was rendered in a directory. The target itself stays, and so do the bytes of a file. */
  *removingContents(): Steps<void> {
    const { contents, target } = this.#claim;
    if (contents.kind === 'file') return;
    // A copy is never written again: if the removal stops halfway, it is incomplete for good.
    if (contents.kind === 'directory') this.#claim = { ...this.#claim, isComplete: false };
    const isOurs = contents.kind === 'volume' ? isOfVolume : isOfCopy(contents.files);
    yield* guarded(removingOurs(this.#fs, target, isOurs), this.#requireLife);
  }

  /** A moved file cannot be found by name, so its bytes are removed, as in a moved directory. */
  #emptyIfMoved(): void {
    if (fstatSync(this.opened.fd).nlink === 0) return;
    try {
      chmodSync(this.opened.path, 0o600);
      truncateSync(this.opened.path);
    } catch (error) {
      // It was given to another user, and the daemon lacks the privilege to take it back.
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Errors name the target. */
  *#withTarget<T>(steps: Steps<T>): Steps<T> {
    try {
      return yield* guarded(steps, this.#requireLife);
    } catch (error) {
      throw toLanternError(error, `render the volume at "${this.#claim.target}"`);
    }
  }

  /** After the descriptor was closed, its number may be another file's. */
  readonly #requireLife = (): void => {
    if (!this.#isDisposed) return;
    throw new LanternError('unavailable', `access "${this.#claim.target}": the daemon is stopping; try again`);
  };

  [Symbol.dispose](): void {
    // The writer still removes retired generations, so it is disposed first.
    this.writer?.[Symbol.dispose]();
    this.#isDisposed = true;
    this.opened[Symbol.dispose]();
  }
}

/** True if the daemon made an entry. `path` is relative to the target; `linkTarget` reads a link. */
export type IsOurs = (path: string, type: FileType, linkTarget: () => string) => boolean;

/**
 * Removes the daemon's own entries below `root`. `fs` holds the directory open and follows no link and enters no mount,
 * so it cannot be led elsewhere. `..data` is removed first: entries without it show that a removal has begun.
 */
export function* removingOurs(fs: VolumeFs, root: string, isOurs: IsOurs): Steps<void> {
  const walk = function* (entries: readonly DirectoryEntry[], directory: string, prefix: string): Steps<void> {
    for (const { name, type } of entries) {
      const path = `${prefix}${name}`;
      const place = `${directory}/${name}`;
      if (isOurs(path, type, () => fs.readlink(place))) {
        if (type === 'directory') {
          yield* walk(listIfPossible(fs, place), place, `${path}/`);
          ignoreGoneOrForeign(() => fs.rmdir(place));
        } else {
          ignoreGoneOrForeign(() => fs.unlink(place));
        }
      }
      yield;
    }
  };
  const order = ({ name }: DirectoryEntry) => Number(name !== DATA_LINK);
  const entries = [...listIfPossible(fs, root)].sort((a, b) => order(a) - order(b));
  yield* walk(entries, root, '');
}

/** For a target with a whole volume: generations with all they contain, links to the current one, and visible links. */
export const isOfVolume: IsOurs = (path, type, linkTarget) => {
  if (path.includes('/')) return true;
  if (type === 'directory') return isGenerationName(path);
  if (type !== 'symlink') return false;
  if (path === DATA_LINK || path === NEXT_DATA_LINK) return true;
  return ignoreGoneOrForeign(linkTarget) === visibleLinkTarget(path);
};

/** For a target with a copy of exactly these files. */
export function isOfCopy(files: Iterable<string>): IsOurs {
  const paths = new Set(files);
  const directories = directoriesOf(paths);
  return (path, type) => (type === 'directory' ? directories.has(path) : paths.has(path));
}

/** Empty if the directory is gone, was replaced, or is mounted on. */
function listIfPossible(fs: VolumeFs, directory: string): readonly DirectoryEntry[] {
  return ignoreGoneOrForeign(() => fs.readdir(directory)) ?? [];
}

/** The entry is gone, was replaced, is mounted on, or contains an entry that is not the daemon's. */
const GONE_OR_FOREIGN: ReadonlySet<string> = new Set([
  'ENOENT',
  'EBUSY',
  'ENOTEMPTY',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EXDEV',
  'EINVAL',
]);

function ignoreGoneOrForeign<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !GONE_OR_FOREIGN.has(errno)) throw error;
    return undefined;
  }
}
