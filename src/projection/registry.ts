import { KeyedLock } from '../base/keyed-lock.ts';
import { byteOrder } from '../payload/byte-order.ts';
import { volumeDirectoryName } from '../volume/layout.ts';
import { type LiveVolume, UNKNOWN_ID } from './live-volume.ts';

/**
 * Every volume on this node, by its directory's name: a volume whose record is lost has no id, but it has a directory.
 * All work on one volume happens under its lock.
 */
export class VolumeRegistry {
  readonly #volumes = new Map<string, LiveVolume>();
  readonly #locks = new KeyedLock();
  /** Sorted once for many pages; undefined when volumes came or went. */
  #ordered: readonly { readonly name: string; readonly volume: LiveVolume }[] | undefined;

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
    this.#ordered = undefined;
  }

  remove(volume: LiveVolume): void {
    this.#volumes.delete(volume.hosted.directoryName);
    this.#ordered = undefined;
  }

  /** In no order, and without a copy: for counting. */
  each(): Iterable<LiveVolume> {
    return this.#volumes.values();
  }

  /** In byte order of the volumes' names. */
  all(): readonly LiveVolume[] {
    // A volume that was taken over without a record has another name as soon as it is published again.
    let ordered = this.#ordered;
    if (!ordered?.every(({ name, volume }) => name === volume.name)) {
      const named = [...this.#volumes.values()].map((volume) => ({ name: volume.name, volume }));
      ordered = named.sort((a, b) => byteOrder(a.name, b.name));
      this.#ordered = ordered;
    }
    return ordered.map(({ volume }) => volume);
  }
}
