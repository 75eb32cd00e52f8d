import type { FileStamp, VolumeFs } from './file-system.ts';

/** A change that came less than this before a stamp, in milliseconds, may be followed by one that it does not show. */
const TICK_MS = 20;

/**
 * What was found at a number of paths, to see at the cost of one call for each whether anybody touched them since:
 * equal stamps of a directory tell that it has the same names, equal stamps of a file that it has the same bytes.
 */
export class VolumeStamp {
  readonly #fs: VolumeFs;
  readonly #paths: readonly string[];
  readonly #stamps: readonly (FileStamp | undefined)[];

  /** Takes the stamps now. Before what is there is looked at: what happens meanwhile then shows the next time. */
  constructor(fs: VolumeFs, paths: readonly string[]) {
    this.#fs = fs;
    this.#paths = paths;
    this.#stamps = fs.stamps(paths);
  }

  /** Whether all changes were over so long before `now`, in milliseconds since 1970, that a later one would show. */
  isSettled(now: number): boolean {
    const before = now - TICK_MS;
    return this.#stamps.every((stamp) => {
      return stamp !== undefined && stamp.seconds * 1000 + stamp.nanoseconds / 1_000_000 < before;
    });
  }

  /** Whether nobody touched anything since. */
  isUntouched(): boolean {
    return this.#fs.stamps(this.#paths).every((stamp, index) => isSame(this.#stamps[index], stamp));
  }
}

function isSame(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  return a?.nanoseconds === b?.nanoseconds && a?.inode === b?.inode && a?.seconds === b?.seconds;
}
