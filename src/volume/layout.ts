import { hash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** Names of everything on disk. Readers see Kubernetes' layout; the names beside it are Lantern's. */

/** In a volume's directory: the link to the current generation. */
export const DATA_LINK = '..data';
/** The next `..data`, before it is renamed over the current one. */
export const NEXT_DATA_LINK = '..data_tmp';

/** In a volume's home: the published directory. */
export const DATA_DIRECTORY = 'data';
/** In a volume's home: the record for a restarted daemon. */
export const RECORD_FILE = 'record.json';
/** In a volume's home: secret bytes of the request. */
export const INPUTS_FILE = 'inputs.json';

export function visibleLinkTarget(name: string): string {
  return `${DATA_LINK}/${name}`;
}

const GENERATION = /^\.\.\d{4}(?:_\d{2}){5}\.\d+$/;

/** Also true for generations of the kubelet, whose names end in another number of digits. */
export function isGenerationName(name: string): boolean {
  return GENERATION.test(name);
}

const NAMES_PER_MILLISECOND = 1_000_000;

/** `..YYYY_MM_DD_hh_mm_ss.<9 digits>` (UTC) for milliseconds since 1970. `nth` (of a million) separates equal times. */
export function generationName(atMilliseconds: number, nth = 0): string {
  const second = Math.floor(atMilliseconds / 1000);
  if (second !== named.second) {
    const [time = ''] = new Date(second * 1000).toISOString().split('.');
    named = { second, text: `..${time.replace(/[-T:]/g, '_')}.` };
  }
  const fraction = String(Math.floor(atMilliseconds) - second * 1000);
  return `${named.text}${fraction.padStart(3, '0')}${String(nth).padStart(6, '0')}`;
}

/** Thousands of generations may begin in one second. */
let named = { second: Number.NaN, text: '' };

const TIME = /^\.\.(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)\.(\d{1,3})/;

/** In milliseconds since 1970; undefined if the name has no valid time. */
export function timeOfGeneration(name: string): number | undefined {
  const parts = TIME.exec(name);
  if (parts === null) return undefined;
  const [, year, month, day, hours, minutes, seconds, fraction = ''] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${fraction.padEnd(3, '0')}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** The name of a volume's home: 32 hex digits of a hash, since an id may be too long for a name or contain slashes. */
export function volumeDirectoryName(volumeId: string): string {
  if (volumeId !== hashed.volumeId) hashed = { volumeId, name: hash('sha256', volumeId, 'hex').slice(0, 32) };
  return hashed.name;
}

/** The last one: a call asks several times. */
let hashed = { volumeId: '', name: hash('sha256', '', 'hex').slice(0, 32) };

/** Never repeats a name, whatever the clock does: a reader that resolved `..data` must not find another payload. */
export class GenerationNames {
  readonly #clock: Pick<Clock, 'now'>;
  #milliseconds = Number.NEGATIVE_INFINITY;
  #nth = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** `taken` holds the names that earlier processes left. */
  next(taken: ReadonlySet<string>): string {
    for (;;) {
      const now = Math.trunc(this.#clock.now());
      if (now > this.#milliseconds) {
        this.#milliseconds = now;
        this.#nth = 0;
      } else if (++this.#nth === NAMES_PER_MILLISECOND) {
        this.#milliseconds++;
        this.#nth = 0;
      }
      const name = generationName(this.#milliseconds, this.#nth);
      if (!taken.has(name)) return name;
    }
  }
}
