import type { Clock } from '../base/clock.ts';
import { errnoOf } from '../base/errors.ts';
import type { Slices, Steps } from '../base/steps.ts';
import { isGenerationName } from '../volume/layout.ts';
import type { FileSystemPlace, ForeignBinds } from '../volume/retirement.ts';
import type { MountEntry, MountTable } from './linux/mount-table.ts';

/** Minimum between the beginnings of two looks, in milliseconds, unless a caller needs an answer at once. */
export const LOOK_PAUSE_MS = 1_000;

type Look = {
  /** Looks are numbered as they begin. One that began later may end earlier. */
  readonly number: number;
  /** By generation name: the directories holding a generation of this name, a part of which is bound. */
  readonly places: ReadonlyMap<string, readonly FileSystemPlace[]>;
};

type BindLookoutOptions = {
  /** Disposed with the lookout. */
  readonly table: MountTable;
  readonly clock: Clock;
  readonly slices: Slices;
};

/**
 * Finds the generations that others have bound, by the roots of all mounts. One look answers all volumes that asked
 * before it began, and so includes every bind made while their generations were current. There is at most one a second,
 * and none while the table is unchanged, unless a caller needs an answer at once, such as a full pool.
 */
export class BindLookout implements ForeignBinds, Disposable {
  readonly #options: BindLookoutOptions;
  readonly #waiting: (() => Steps<void>)[] = [];
  #latest: Look = { number: 0, places: new Map() };
  #begun = 0;
  #lastBegan = Number.NEGATIVE_INFINITY;
  /** True if the table is known to have changed since the last look began. */
  #isDirty = true;
  #isServing = false;
  /** True if any of the waiting work is. */
  #isUrgent = false;
  #timer: Disposable | undefined;

  constructor(options: BindLookoutOptions) {
    this.#options = options;
  }

  afterLook(work: () => Steps<void>, isUrgent = false): void {
    this.#waiting.push(work);
    this.#isUrgent ||= isUrgent;
    this.#plan();
  }

  *looking(): Steps<boolean> {
    try {
      if (!this.#isCurrent()) yield* this.#reading();
      return true;
    } catch (error) {
      // The process may have no descriptor left, for example.
      if (errnoOf(error) === undefined) throw error;
      this.#isDirty = true;
      return false;
    }
  }

  showAny(generation: string, isOwnPlace: (place: FileSystemPlace) => boolean): boolean {
    return this.#latest.places.get(generation)?.some(isOwnPlace) === true;
  }

  /** Drops waiting work. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#waiting.splice(0);
    this.#options.table[Symbol.dispose]();
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#isServing || this.#waiting.length === 0) return;
    const { clock, slices } = this.#options;
    const pause = this.#isCurrent() ? 0 : this.#lastBegan + LOOK_PAUSE_MS - clock.monotonic();
    const serve = () => {
      this.#timer = undefined;
      this.#isServing = true;
      void slices.runLast(this.#serving(), () => this.#isUrgent);
    };
    if (pause <= 0) serve();
    else this.#timer = clock.after(pause, serve);
  }

  *#serving(): Steps<void> {
    try {
      // Nothing waits after a disposal.
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0);
        this.#isUrgent = false;
        if (yield* this.looking()) for (const work of batch) yield* work();
        else this.#waiting.unshift(...batch);
        if (!this.#isCurrent()) break;
      }
    } finally {
      this.#isServing = false;
    }
    this.#plan();
  }

  *#reading(): Steps<void> {
    const { table, clock } = this.#options;
    this.#begun += 1;
    this.#lastBegan = clock.monotonic();
    const number = this.#begun;
    // Reset before the table is read: a change during the reading shows the next time.
    table.hasChanged();
    this.#isDirty = false;
    // A cheap test before parsing: the names of generations begin with two dots.
    const mounts = yield* table.reading((line) => line.includes('/..'));
    if (number < this.#latest.number) return;
    this.#latest = { number, places: placesIn(mounts) };
  }

  /** True if another look would find the same as the last one. */
  #isCurrent(): boolean {
    if (this.#latest.number < this.#begun) return false;
    try {
      this.#isDirty ||= this.#options.table.hasChanged();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      this.#isDirty = true;
    }
    return !this.#isDirty;
  }
}

function placesIn(mounts: readonly MountEntry[]): ReadonlyMap<string, readonly FileSystemPlace[]> {
  const places = new Map<string, FileSystemPlace[]>();
  for (const { device, root } of mounts) {
    const elements = root.split('/');
    for (const [index, name] of elements.entries()) {
      if (!isGenerationName(name)) continue;
      const place = { device, directory: elements.slice(0, index).join('/') || '/' };
      const known = places.get(name);
      if (known === undefined) places.set(name, [place]);
      else known.push(place);
    }
  }
  return places;
}
