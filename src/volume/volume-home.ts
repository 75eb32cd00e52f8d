import { hash } from 'node:crypto';
import { basename } from 'node:path';
import { errnoOf, obstacleOf } from '../base/errors.ts';
import type { Parsed } from '../base/parsed.ts';
import { finish, type Steps } from '../base/steps.ts';
import { createFile, removingTree, replaceFile, type VolumeFs } from './file-system.ts';
import { DATA_DIRECTORY, INPUTS_FILE, RECORD_FILE, volumeDirectoryName } from './layout.ts';
import {
  type KeptInputs,
  parseInputs,
  parseRecord,
  serializeInputs,
  serializeRecord,
  type VolumeRecord,
} from './record.ts';

const FILE_MODE = 0o600;

type LoadedRecord =
  | { readonly ok: true; readonly value: VolumeRecord }
  | { readonly ok: false; readonly problem: string };

/** A published directory with the daemon's record and secret inputs beside it. Throws the file system's own errors. */
export class VolumeHome {
  /** The directory that the volume is written to, and that is bound at targets. */
  readonly dataDirectory: string;
  readonly #fs: VolumeFs;
  readonly #directory: string;
  /** A hash of the text of each known file, or null if there is no file. */
  readonly #saved = new Map<string, string | null>();

  /** `directory` is the home itself, in a pool or another directory of the daemon's. */
  constructor({ fs, directory }: { readonly fs: VolumeFs; readonly directory: string }) {
    this.#fs = fs;
    this.#directory = directory;
    this.dataDirectory = `${directory}/${DATA_DIRECTORY}`;
  }

  /** Makes what is missing of the home (0700) and its data directory. Returns true if the data directory is new. */
  create(): boolean {
    if (this.#makeDirectory(this.#directory, 0o700)) {
      this.#saved.set(RECORD_FILE, null);
      this.#saved.set(INPUTS_FILE, null);
    }
    return this.#makeDirectory(this.dataDirectory, 0o755);
  }

  saveRecord(record: VolumeRecord): void {
    this.#save(RECORD_FILE, serializeRecord(record));
  }

  /** `parse` is a `recordParser` where many records are read. */
  loadRecord(parse = parseRecord): LoadedRecord {
    const record = this.#load(RECORD_FILE, parse);
    if (record === undefined) return { ok: false, problem: 'there is no record' };
    if (record.ok) return record;
    const faults = record.faults.map(({ field, message }) => (field === '' ? `it ${message}` : `${field} ${message}`));
    return { ok: false, problem: faults.join('; ') };
  }

  /** A record of another volume than the home is named after is a problem, too. */
  loadOwnRecord(parse = parseRecord): LoadedRecord {
    const record = this.loadRecord(parse);
    if (!record.ok || volumeDirectoryName(record.value.volumeId) === basename(this.#directory)) return record;
    return { ok: false, problem: `it is the record of the volume "${record.value.volumeId}"` };
  }

  /** Undefined removes the file. */
  saveInputs(inputs: KeptInputs | undefined): void {
    this.#save(INPUTS_FILE, inputs && serializeInputs(inputs));
  }

  /** Undefined if missing or damaged: what needs them cannot be rendered until they are sent again. */
  loadInputs(): KeptInputs | undefined {
    const inputs = this.#load(INPUTS_FILE, parseInputs, { isRare: true });
    return inputs?.ok ? inputs.value : undefined;
  }

  /** Removes the home, the record first: the next start sweeps a home that a crash left without one. */
  remove(): void {
    finish(this.removing());
  }

  /** `data` may remove the data directory's contents without reading them. */
  *removing(data?: Steps<void>): Steps<void> {
    this.#save(RECORD_FILE, undefined);
    this.#save(INPUTS_FILE, undefined);
    this.#saved.clear();
    if (data !== undefined) yield* data;
    try {
      // Usually empty by now.
      this.#fs.rmdir(this.#directory);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      yield* removingTree(this.#fs, this.#directory);
    }
  }

  /** Returns false if it exists already. */
  #makeDirectory(path: string, mode: number): boolean {
    try {
      this.#fs.mkdir(path, mode);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      return false;
    }
  }

  /** Undefined removes the file. Makes no call if the file is known to be so already. */
  #save(name: string, text: string | undefined): void {
    const bytes = text === undefined ? undefined : Buffer.from(text);
    const digest = bytes === undefined ? null : hash('sha256', bytes, 'hex');
    const saved = this.#saved.get(name);
    if (saved === digest) return;
    this.#saved.delete(name);
    const path = `${this.#directory}/${name}`;
    try {
      if (bytes === undefined) this.#fs.unlink(path);
      // Half of a first file is as good as none: nothing is published yet, or the inputs have to be sent again.
      else if (saved === null) createFile(this.#fs, path, bytes, {}, FILE_MODE, 0);
      else replaceFile(this.#fs, path, bytes);
    } catch (error) {
      if (bytes !== undefined || errnoOf(error) !== 'ENOENT') throw error;
    }
    this.#saved.set(name, digest);
  }

  #load<T>(name: string, parse: (text: string) => Parsed<T>, { isRare = false } = {}): Parsed<T> | undefined {
    const path = `${this.#directory}/${name}`;
    try {
      // An open that fails costs several times as much.
      if (isRare && this.#fs.lstat(path) === undefined) return undefined;
      return parse(textOf(this.#fs.readFile(path)));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return undefined;
      if (errno === undefined) throw error;
      return { ok: false, faults: [{ field: '', message: `cannot be read: ${obstacleOf(error)}` }] };
    }
  }
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}
