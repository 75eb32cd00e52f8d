import type { Clock } from '../base/clock.ts';
import { errnoOf } from '../base/errors.ts';
import type { Slices, Steps } from '../base/steps.ts';
import { isGenerationName } from '../volume/layout.ts';
import type { ForeignBinds } from '../volume/retirement.ts';
import type { MountEntry, MountTable } from './linux/mount-table.ts';

/** Between the beginnings of two looks that nobody waits for, in milliseconds. */
export const LOOK_PAUSE_MS = 1_000;

/** A directory, as the mount table names it: on which file system, and where from that one's own root. */
export type FileSystemPlace = { readonly device: string; readonly directory: string };

/** What one look found. */
type Seen = {
  /** Which look it was: one that began later may end earlier. */
  readonly nth: number;
  /** The directories that hold a generation of this name of which something is bound. */
  readonly holders: ReadonlyMap<string, readonly FileSystemPlace[]>;
};

type BindLookoutOptions = {
  /** Taken over. */
  readonly table: MountTable;
  readonly clock: Clock;
  readonly slices: Slices;
};

/**
 * Sees which generations others have bound, by the roots of all mounts. The volumes of a publisher share it: what many of
 * them ask at a time is answered by one look, of which there is one a second at most, and none while the table is as it
 * was. Only who needs an answer at once, as a full pool does, has the table read before the second is over.
 *
 * A look is of use to those alone who asked before it began: a bind that was made while the generation was current is in it.
 */
export class BindLookout implements Disposable {
  readonly #options: BindLookoutOptions;
  readonly #waiting: (() => Steps<void>)[] = [];
  #seen: Seen = { nth: 0, holders: new Map() };
  /** Looks begun. */
  #begun = 0;
  #lastBegan = Number.NEGATIVE_INFINITY;
  /** Whether the table changed since the last look began, as far as that is known. */
  #isDirty = true;
  #isServing = false;
  #timer: Disposable | undefined;

  constructor(options: BindLookoutOptions) {
    this.#options = options;
  }

  /** Of the generations in one directory, given what tells that directory from others that hold one of the same name. */
  of(isOwn: (holder: FileSystemPlace) => boolean): ForeignBinds {
    return {
      afterLook: (work) => this.#afterLook(work),
      looking: () => this.#looking(),
      show: (generation) => this.#seen.holders.get(generation)?.some(isOwn) === true,
    };
  }

  /** Nothing that waits is done any more. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#waiting.splice(0);
    this.#options.table[Symbol.dispose]();
  }

  #afterLook(work: () => Steps<void>): void {
    this.#waiting.push(work);
    this.#plan();
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#isServing || this.#waiting.length === 0) return;
    const { clock, slices } = this.#options;
    const pause = this.#isCurrent() ? 0 : this.#lastBegan + LOOK_PAUSE_MS - clock.monotonic();
    if (pause <= 0) {
      void slices.run(this.#serving());
      return;
    }
    this.#timer = clock.after(pause, () => {
      this.#timer = undefined;
      void slices.run(this.#serving());
    });
  }

  *#serving(): Steps<void> {
    this.#isServing = true;
    try {
      const batch = this.#waiting.splice(0);
      if (yield* this.#looking()) for (const work of batch) yield* work();
      else this.#waiting.unshift(...batch);
    } finally {
      this.#isServing = false;
    }
    this.#plan();
  }

  *#looking(): Steps<boolean> {
    try {
      if (!this.#isCurrent()) yield* this.#reading();
      return true;
    } catch (error) {
      // No descriptor is left, for one.
      if (errnoOf(error) === undefined) throw error;
      this.#isDirty = true;
      return false;
    }
  }

  *#reading(): Steps<void> {
    const { table, clock } = this.#options;
    this.#begun += 1;
    this.#lastBegan = clock.monotonic();
    const nth = this.#begun;
    // Asked before it is read: what changes meanwhile shows the next time.
    table.hasChanged();
    this.#isDirty = false;
    const mounts = yield* table.reading(mayShowGeneration);
    if (nth < this.#seen.nth) return;
    this.#seen = { nth, holders: holdersOf(mounts) };
  }

  /** Whether a look would find what the last one found. */
  #isCurrent(): boolean {
    if (this.#seen.nth < this.#begun) return false;
    try {
      this.#isDirty ||= this.#options.table.hasChanged();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      this.#isDirty = true;
    }
    return !this.#isDirty;
  }
}

/** At the cost of a search, before the line is parsed: the names of generations begin with two dots. */
function mayShowGeneration(line: string): boolean {
  return line.includes('/..');
}

function holdersOf(mounts: readonly MountEntry[]): ReadonlyMap<string, readonly FileSystemPlace[]> {
  const holders = new Map<string, FileSystemPlace[]>();
  for (const { device, root } of mounts) {
    const elements = root.split('/');
    for (const [index, name] of elements.entries()) {
      if (!isGenerationName(name)) continue;
      const place = { device, directory: elements.slice(0, index).join('/') || '/' };
      const known = holders.get(name);
      if (known === undefined) holders.set(name, [place]);
      else known.push(place);
    }
  }
  return holders;
}
