import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { obstacleOf, toLanternError } from '../../base/errors.ts';
import { makeDirectories, replaceFile, syncDirectory } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { parseBy } from '../../base/parsed.ts';
import { mapOf, textValue } from '../../base/schemas.ts';
import { lockFile } from '../../mount/linux/process-calls.ts';
import { parseBoundedJson } from '../../objects/bounded-json.ts';
import { type EngineProcess, isOfEarlierBoot } from './engine-process.ts';

/** A use of a volume by a container, and the engine that asked for it. `since` in milliseconds since 1970 UTC. */
export type VolumeUse = { readonly engine: EngineProcess; readonly since: number };

/** A volume of the engine. Names and options only: no secret bytes. */
export type KeptVolume = {
  readonly options: ReadonlyMap<string, string>;
  /** Milliseconds since 1970 UTC. */
  readonly createdAt: number;
  /** By the engine's id of the use. */
  readonly uses: ReadonlyMap<string, VolumeUse>;
};

const use = z.strictObject({ engine: z.string(), since: z.number() });
const FILE = z.strictObject({
  options: mapOf(textValue),
  createdAt: z.number(),
  uses: mapOf((value) => parseBy(use, value)),
});
const LIMITS = { bytes: 1024 * 1024, nodes: 20_000 };
const SUFFIX = '.json';

/**
 * A file for each volume, `<name>.json`, on disk: the engine expects its volumes after a reboot. Each is replaced
 * atomically and durably.
 */
export class KeptVolumes implements Disposable {
  readonly #directory: string;
  readonly #log: Log;
  readonly #lock: Disposable;
  readonly #volumes = new Map<string, KeptVolume>();
  /** Changed only in memory, because the disk was full. */
  readonly #unsaved = new Set<string>();

  private constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
    this.#lock = lockFile(join(directory, 'lock'));
  }

  /**
   * Makes the directory, 0700. Uses before a reboot are over. A damaged file is left alone and reported.
   * `failed-precondition` if it is in use.
   */
  static async open(directory: string, log: Log): Promise<KeptVolumes> {
    try {
      makeDirectories(directory, 0o700);
      const kept = new KeptVolumes(directory, log);
      for (const file of await readdir(directory)) await kept.#load(file);
      return kept;
    } catch (error) {
      throw toLanternError(error, `open the volumes of the Docker engine in "${directory}"`);
    }
  }

  get names(): readonly string[] {
    return [...this.#volumes.keys()].sort();
  }

  /** Those with changes that could not be saved. */
  get unsaved(): readonly string[] {
    return [...this.#unsaved];
  }

  get(name: string): KeptVolume | undefined {
    return this.#volumes.get(name);
  }

  /** Resolves when it is on disk. After a failure, nothing has changed. */
  async save(name: string, volume: KeptVolume): Promise<void> {
    try {
      await this.#write(name, volume);
    } catch (error) {
      throw toLanternError(error, `save volume "${name}"`);
    }
    this.#volumes.set(name, volume);
    this.#unsaved.delete(name);
  }

  /** For a change that has happened already: if the disk does not take it, `retry` tries again. */
  async note(name: string, volume: KeptVolume): Promise<void> {
    this.#volumes.set(name, volume);
    this.#unsaved.add(name);
    await this.retry(name);
  }

  /** Saves what `note` could not save. */
  async retry(name: string): Promise<void> {
    const volume = this.#volumes.get(name);
    if (volume === undefined || !this.#unsaved.has(name)) return;
    try {
      await this.#write(name, volume);
      this.#unsaved.delete(name);
    } catch (error) {
      this.#log.warn({ volume: name, problem: obstacleOf(error) }, 'the state of a Docker volume could not be saved');
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await rm(this.#path(name), { force: true });
      await syncDirectory(this.#directory);
    } catch (error) {
      throw toLanternError(error, `remove volume "${name}"`);
    }
    this.#volumes.delete(name);
    this.#unsaved.delete(name);
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${SUFFIX}`);
  }

  async #write(name: string, { options, createdAt, uses }: KeptVolume): Promise<void> {
    const file = { options: Object.fromEntries(options), createdAt, uses: Object.fromEntries(uses) };
    await replaceFile(this.#path(name), [JSON.stringify(file)]);
  }

  async #load(file: string): Promise<void> {
    if (file.endsWith(`${SUFFIX}.new`)) await rm(join(this.#directory, file), { force: true });
    if (!file.endsWith(SUFFIX)) return;
    const json = parseBoundedJson(await readFile(join(this.#directory, file)), LIMITS);
    const found = json.ok ? parseBy(FILE, json.value) : json;
    if (found.ok) {
      const uses = [...found.value.uses].filter(([, { engine }]) => !isOfEarlierBoot(engine));
      this.#volumes.set(file.slice(0, -SUFFIX.length), { ...found.value, uses: new Map(uses) });
    } else this.#log.error({ file, problem: found.faults[0]?.message }, 'the state of a Docker volume cannot be read');
  }
}
