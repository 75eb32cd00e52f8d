import { hash } from 'node:crypto';
import { errnoOf, obstacleOf } from '../base/errors.ts';
import type { Parsed } from '../base/parsed.ts';
import { finish, type Steps } from '../base/steps.ts';
import { removingTree, replaceFile, type VolumeFs } from './file-system.ts';
import { DATA_DIRECTORY, INPUTS_FILE, RECORD_FILE, temporaryName } from './layout.ts';
import {
  type KeptInputs,
  parseInputs,
  parseRecord,
  serializeInputs,
  serializeRecord,
  type VolumeRecord,
} from './record.ts';

/** A record, or why there is none that can be used. */
type LoadedRecord =
  | { readonly ok: true; readonly value: VolumeRecord }
  | { readonly ok: false; readonly problem: string };

/**
 * A volume's home: its published directory, its record, and the request's secret bytes, which only the daemon may
 * read. Failures are the file system's own.
 */
export class VolumeHome {
  readonly #fs: VolumeFs;
  readonly #directory: string;
  /** What is known to be in a file: a hash of its text, or null for no file. */
  readonly #saved = new Map<string, string | null>();

  /** `directory` is the home itself, in a pool or another directory of the daemon's. */
  constructor({ fs, directory }: { readonly fs: VolumeFs; readonly directory: string }) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /** Where the volume is written, and what is bound at targets. */
  get dataDirectory(): string {
    return this.#at(DATA_DIRECTORY);
  }

  /** Makes the home, 0700, and the data directory in it. Nothing happens to what is there already. */
  create(): void {
    if (this.#makeDirectory(this.#directory, 0o700)) {
      this.#saved.set(RECORD_FILE, null);
      this.#saved.set(INPUTS_FILE, null);
    }
    this.#makeDirectory(this.dataDirectory, 0o755);
  }

  /** Replaces the record; an equal one is not written again. */
  saveRecord(record: VolumeRecord): void {
    this.#save(RECORD_FILE, serializeRecord(record));
  }

  loadRecord(): LoadedRecord {
    const record = this.#load(RECORD_FILE, parseRecord);
    if (record === undefined) return { ok: false, problem: 'there is no record' };
    if (record.ok) return record;
    const faults = record.faults.map(({ field, message }) => (field === '' ? `it ${message}` : `${field} ${message}`));
    return { ok: false, problem: faults.join('; ') };
  }

  /** Replaces the request's secret bytes; undefined removes them. */
  saveInputs(inputs: KeptInputs | undefined): void {
    if (inputs === undefined) this.#forget(INPUTS_FILE);
    else this.#save(INPUTS_FILE, serializeInputs(inputs));
  }

  /** Undefined when there are none, or when the file is damaged: what needs them cannot be rendered until they come again. */
  loadInputs(): KeptInputs | undefined {
    const inputs = this.#load(INPUTS_FILE, parseInputs);
    return inputs?.ok ? inputs.value : undefined;
  }

  /** Removes all of it, the record first: what a crash leaves then belongs to nobody, and is swept. */
  remove(): void {
    finish(this.removing());
  }

  /** `remove` in steps. `data` may spare it reading what is in the data directory. */
  *removing(data?: Steps<void>): Steps<void> {
    this.#forget(RECORD_FILE);
    this.#forget(INPUTS_FILE);
    this.#saved.clear();
    if (data !== undefined) yield* data;
    if (!this.#removeIfEmpty()) yield* removingTree(this.#fs, this.#directory);
  }

  #removeIfEmpty(): boolean {
    try {
      this.#fs.rmdir(this.#directory);
      return true;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  }

  #at(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** False when it is there already. */
  #makeDirectory(path: string, mode: number): boolean {
    try {
      this.#fs.mkdir(path, mode);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      return false;
    }
  }

  #save(name: string, text: string): void {
    const bytes = Buffer.from(text);
    const digest = hash('sha256', bytes, 'hex');
    if (this.#saved.get(name) === digest) return;
    this.#saved.delete(name);
    replaceFile(this.#fs, this.#at(name), this.#at(temporaryName(name)), bytes);
    this.#saved.set(name, digest);
  }

  #load<T>(name: string, parse: (text: string) => Parsed<T>): Parsed<T> | undefined {
    try {
      return parse(Buffer.from(this.#fs.readFile(this.#at(name))).toString());
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return undefined;
      if (errno === undefined) throw error;
      return { ok: false, faults: [{ field: '', message: `cannot be read: ${obstacleOf(error)}` }] };
    }
  }

  #forget(name: string): void {
    if (this.#saved.get(name) === null) return;
    this.#saved.delete(name);
    try {
      this.#fs.unlink(this.#at(name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    this.#saved.set(name, null);
  }
}
