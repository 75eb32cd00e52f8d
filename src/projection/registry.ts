import { KeyedLock } from '../base/keyed-lock.ts';
import { volumeDirectoryName } from '../volume/layout.ts';
import { type LiveVolume, UNKNOWN_ID } from './live-volume.ts';

/**
 * Every volume on this node, by its directory's name: a volume whose record is lost has no id, but it has a directory.
 * All work on one volume happens under its lock.
 */
export class VolumeRegistry {
  readonly #volumes = new Map<string, LiveVolume>();
  readonly #locks = new KeyedLock();

  /** The key of a volume id. */
  keyOf(volumeId: string): string {
    return volumeDirectoryName(volumeId);
  }

  /** The key of a volume by the name it goes by: its id, or `unknown:` and its directory when the record is lost. */
  keyOfKnown(name: string): string {
    const directory = name.startsWith(UNKNOWN_ID) ? name.slice(UNKNOWN_ID.length) : undefined;
    const isDegraded = directory !== undefined && this.#volumes.get(directory)?.name === name;
    return isDegraded ? directory : this.keyOf(name);
  }

  /** Runs `action` when no other work on this volume is under way; rejects with the signal's reason when it aborts first. */
  exclusively<T>(key: string, signal: AbortSignal, action: () => Promise<T> | T): Promise<T> {
    return this.#locks.run(key, signal, action);
  }

  get(key: string): LiveVolume | undefined {
    return this.#volumes.get(key);
  }

  add(volume: LiveVolume): void {
    this.#volumes.set(volume.hosted.directoryName, volume);
  }

  remove(volume: LiveVolume): void {
    this.#volumes.delete(volume.hosted.directoryName);
  }

  /** In no order, and without a copy: for counting. */
  each(): Iterable<LiveVolume> {
    return this.#volumes.values();
  }

  /** In byte order of the volumes' names. */
  all(): readonly LiveVolume[] {
    const named = [...this.#volumes.values()].map((volume) => ({ volume, bytes: Buffer.from(volume.name) }));
    return named.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ volume }) => volume);
  }
}
