import { chmodSync, fstatSync, truncateSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { guarded, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { WriteOutcome } from '../../volume/atomic-writer.ts';
import type { DirectoryEntry, FileType, VolumeFs } from '../../volume/file-system.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from '../../volume/layout.ts';
import { VolumeWriter } from '../../volume/volume-writer.ts';
import type { BindLookout } from '../bind-lookout.ts';
import type { OpenedTarget } from '../linux/opened-target.ts';
import type { Claim } from './claims.ts';
import { descriptorFileSystem } from './descriptor-file-system.ts';
import { directoriesOf, selectSubPath, writeDirectoryCopy, writeFileCopy } from './sub-path.ts';
import { type DirectTargets, identityAt } from './targets.ts';

/** What the writers of one volume's targets share. */
export type WriterParts = {
  readonly clock: Clock;
  readonly lookout: BindLookout;
  /** The time that generations are named by, in milliseconds since 1970. */
  readonly nameTime: () => number;
};

/**
 * One target that is ours, held open: whatever becomes of the path, the writer's steps and timers reach this very
 * directory. That costs one descriptor per publication.
 */
export class DirectPublication implements Disposable {
  readonly opened: OpenedTarget;
  /** For a whole volume. */
  readonly writer: VolumeWriter | undefined;
  /** Of a directory: what is in it, and nothing else. Its paths begin with the target's own. */
  readonly #fs: VolumeFs;
  #claim: Claim;
  #isDisposed = false;

  /** Takes over `opened`. */
  constructor(claim: Claim, opened: OpenedTarget, { clock, lookout, nameTime }: WriterParts) {
    this.opened = opened;
    this.#claim = claim;
    this.#fs = descriptorFileSystem(() => this.#requireLife().opened.fd, claim.target);
    if (claim.contents.kind === 'volume') {
      this.writer = new VolumeWriter({
        fs: this.#fs,
        directory: claim.target,
        clock,
        nameTime,
        // `isOwnPlace` is left out: others may move a directory above the target, so only a generation's name identifies it.
        binds: lookout,
      });
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
      yield* writeDirectoryCopy(this.#fs, this.#claim.target, selected.files, mountGroup);
    } else if (this.writer !== undefined) {
      yield* this.writer.writing(payload);
    }
  }

  /** Swaps the payload in. A copy of a subPath stays as it is: undefined. */
  *update(payload: Payload): Steps<WriteOutcome | undefined> {
    return this.writer && (yield* this.#naming(this.writer.writing(payload)));
  }

  /** Whether the path shows what the look before found whole: a call for the path, and one for each thing in it. */
  get isUntouched(): boolean {
    const { target, identity } = this.#claim;
    return this.writer?.isUntouched === true && identityAt(target) === identity;
  }

  /** Asks again about generations that stayed because others had bound them. */
  lookAgain(): void {
    this.writer?.lookAgain();
  }

  /** A look that repairs; a copy of a subPath stays as it is. Phrases for the damages. */
  *looking(): Steps<readonly string[]> {
    if (this.writer === undefined) return [];
    return yield* this.#naming(this.writer.looking());
  }

  /** Whether the target's path still leads to what was made there, in whatever state that is. */
  isThere(targets: DirectTargets): boolean {
    using found = targets.find(this.#claim.target, this.#claim.identity);
    return found !== undefined;
  }

  /** Whether somebody who opens the target's path now finds all that was published. */
  isVisible(targets: DirectTargets): boolean {
    const { target, identity, contents, isComplete } = this.#claim;
    using found = targets.find(target, identity);
    if (found === undefined || !isComplete) return false;
    // An earlier daemon may have been led to render in another user's directory.
    if (found.isDirectory && !targets.isOwn(found)) return false;
    return contents.kind !== 'volume' || this.#showsGeneration();
  }

  /** Whether `..data` leads to a generation in this very directory, rather than out of it. */
  #showsGeneration(): boolean {
    const { target } = this.#claim;
    if (this.#fs.lstat(`${target}/${DATA_LINK}`)?.type !== 'symlink') return false;
    const generation = this.#fs.readlink(`${target}/${DATA_LINK}`);
    return isGenerationName(generation) && this.#fs.lstat(`${target}/${generation}`)?.type === 'directory';
  }

  /** Takes away what was rendered, and the target when nothing else is in it. */
  *withdrawing(targets: DirectTargets): Steps<void> {
    yield* this.removingContents();
    targets.remove(this.#claim.target, this.#claim.identity);
    if (this.#claim.contents.kind === 'file') this.#emptyIfMoved();
    // What was kept for readers went with the rest.
    this.writer?.abandon();
  }

  /** Takes away what was rendered; the target itself stays, a file with its bytes. */
  *removingContents(): Steps<void> {
    const { contents, target } = this.#claim;
    if (contents.kind === 'file') return;
    // Nobody writes a copy again: should this stop halfway, it is whole no more.
    if (contents.kind === 'directory') this.#claim = { ...this.#claim, isComplete: false };
    const isOurs = contents.kind === 'volume' ? isOfVolume : isOfCopy(contents.files);
    yield* guarded(removingOurs(this.#fs, target, isOurs), () => void this.#requireLife());
  }

  /** A file that somebody moved has a name yet, but is nowhere known to be: its bytes go, as those of a moved directory do. */
  #emptyIfMoved(): void {
    if (fstatSync(this.opened.fd).nlink === 0) return;
    try {
      chmodSync(this.opened.path, 0o600);
      truncateSync(this.opened.path);
    } catch (error) {
      // It was given to somebody else, and no privilege is left to take it back.
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** A failure names the target. */
  *#naming<T>(steps: Steps<T>): Steps<T> {
    const { target } = this.#claim;
    try {
      return yield* guarded(steps, () => void this.#requireLife());
    } catch (error) {
      throw toLanternError(error, `render the volume at "${target}"`);
    }
  }

  /** A descriptor's number may be another file's after it was closed. */
  #requireLife(): this {
    if (!this.#isDisposed) return this;
    throw new LanternError('unavailable', `reach "${this.#claim.target}": the daemon stops; try again`);
  }

  [Symbol.dispose](): void {
    // This still removes what is retired.
    this.writer?.[Symbol.dispose]();
    this.#isDisposed = true;
    this.opened[Symbol.dispose]();
  }
}

/** Whether an entry is of our making. `path` is relative to the target; `linkTarget` reads what a link says. */
export type IsOurs = (path: string, type: FileType, linkTarget: () => string) => boolean;

/**
 * Removes what is ours below `root`, and leaves the rest. `fs` is that of a directory held open, which follows no link and
 * enters no mount: what an entry was exchanged for is not ours, or not entered. The link that shows a volume goes first: where
 * it is gone, and the rest is not, the removal was begun.
 */
export function* removingOurs(fs: VolumeFs, root: string, isOurs: IsOurs): Steps<void> {
  const walk = function* (entries: readonly DirectoryEntry[], directory: string, prefix: string): Steps<void> {
    for (const { name, type } of entries) {
      const path = `${prefix}${name}`;
      const place = `${directory}/${name}`;
      if (isOurs(path, type, () => fs.readlink(place))) {
        if (type === 'directory') {
          yield* walk(listIfPossible(fs, place), place, `${path}/`);
          tolerating(() => fs.rmdir(place));
        } else {
          tolerating(() => fs.unlink(place));
        }
      }
      yield;
    }
  };
  const isLast = ({ name }: DirectoryEntry) => Number(name !== DATA_LINK);
  const entries = [...listIfPossible(fs, root)].sort((a, b) => isLast(a) - isLast(b));
  yield* walk(entries, root, '');
}

/**
 * Of a target that a volume was rendered in: generations, the links to the current one, and the visible links. Whatever
 * lies in a generation is taken for ours.
 */
export const isOfVolume: IsOurs = (path, type, linkTarget) => {
  if (path.includes('/')) return true;
  if (type === 'directory') return isGenerationName(path);
  if (type !== 'symlink') return false;
  if (path === DATA_LINK || path === NEXT_DATA_LINK) return true;
  return tolerating(linkTarget) === visibleLinkTarget(path);
};

/** Of a target that holds a copy of exactly these files. */
export function isOfCopy(files: Iterable<string>): IsOurs {
  const paths = new Set(files);
  const directories = directoriesOf(paths);
  return (path, type) => (type === 'directory' ? directories.has(path) : paths.has(path));
}

/** Nothing where it is gone, has become something else meanwhile, or is mounted on. */
function listIfPossible(fs: VolumeFs, directory: string): readonly DirectoryEntry[] {
  return tolerating(() => fs.readdir(directory)) ?? [];
}

/** Gone already, exchanged, mounted on, or with something in it that is not ours. */
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

function tolerating<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !GONE_OR_FOREIGN.has(errno)) throw error;
    return undefined;
  }
}
