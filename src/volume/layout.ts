import { hash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** Every name on disk. What readers see is Kubernetes' layout; what lies beside it is ours. */

/** The link to the current generation, in a volume's directory. */
export const DATA_LINK = '..data';
/** The next `..data`, until it is renamed over it. */
export const NEXT_DATA_LINK = '..data_tmp';

/** In a volume's home: the directory that is published. */
export const DATA_DIRECTORY = 'data';
/** In a volume's home: what a restarted daemon needs. */
export const RECORD_FILE = 'record.json';
/** In a volume's home: the request's own secret bytes. */
export const INPUTS_FILE = 'inputs.json';

/** Where a file is written before it is renamed to its own name. */
export function temporaryName(name: string): string {
  return `${name}.tmp`;
}

/** What a visible name in the volume's directory points to. */
export function visibleLinkTarget(name: string): string {
  return `${DATA_LINK}/${name}`;
}

const GENERATION = /^\.\.\d{4}(?:_\d{2}){5}\.\d+$/;

/** Whether this is the name of a generation, Kubernetes' own (which have other numbers of digits) included. */
export function isGenerationName(name: string): boolean {
  return GENERATION.test(name);
}

/** How many generations one millisecond has names for. */
const NAMES_PER_MILLISECOND = 1_000_000;

/**
 * `..YYYY_MM_DD_hh_mm_ss.<9 digits>` in UTC for a time in milliseconds since 1970; `nth`, below a million, tells
 * generations of one millisecond apart.
 */
export function generationName(atMilliseconds: number, nth = 0): string {
  const [time = '', fraction = ''] = new Date(atMilliseconds).toISOString().split(/[.Z]/);
  return `..${time.replace(/[-T:]/g, '_')}.${fraction}${String(nth).padStart(6, '0')}`;
}

const TIME = /^\.\.(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)\.(\d{1,3})/;

/** When a generation was made, as its name says: milliseconds since 1970; undefined for what is no such time. */
export function timeOfGeneration(name: string): number | undefined {
  const parts = TIME.exec(name);
  if (parts === null) return undefined;
  const [, year, month, day, hours, minutes, seconds, fraction = ''] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${fraction.padEnd(3, '0')}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** The name of a volume's home: 32 hex digits of a hash, since an id may be too long for a name, or hold slashes. */
export function volumeDirectoryName(volumeId: string): string {
  return hash('sha256', volumeId, 'hex').slice(0, 32);
}

/**
 * Gives out names that this process has not given out before, however fast and wherever the clock goes: a reader that
 * resolved `..data` must never find another payload below the same name.
 */
export class GenerationNames {
  readonly #clock: Clock;
  #milliseconds = Number.NEGATIVE_INFINITY;
  #nth = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A name that is not in `taken`, which holds what earlier processes left. */
  next(taken: ReadonlySet<string>): string {
    for (;;) {
      this.#advance();
      const name = generationName(this.#milliseconds, this.#nth);
      if (!taken.has(name)) return name;
    }
  }

  #advance(): void {
    const now = Math.trunc(this.#clock.now());
    if (now > this.#milliseconds) {
      this.#milliseconds = now;
      this.#nth = 0;
    } else if (++this.#nth === NAMES_PER_MILLISECOND) {
      this.#milliseconds++;
      this.#nth = 0;
    }
  }
}
