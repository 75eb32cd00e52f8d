import { LanternError, toLanternError } from '../base/errors.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { HostedVolume } from '../mount/publisher.ts';
import type { VolumeRegistry } from './live-volume.ts';
import type { Stages } from './stages.ts';

const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

type Leftover = { readonly hosted: HostedVolume; readonly waits: Generator<number, never>; timer: Disposable };

/**
 * Volumes that are published nowhere, and whose files could not be removed, as there were no descriptors left perhaps. They
 * are no volumes any more to anybody, and are tried again until they are gone.
 */
export class Leftovers implements Disposable {
  readonly #stages: Pick<Stages, 'clock' | 'log'>;
  readonly #registry: VolumeRegistry;
  readonly #stop = new AbortController();
  /** By the volume's key. */
  readonly #all = new Map<string, Leftover>();

  constructor(stages: Pick<Stages, 'clock' | 'log'>, registry: VolumeRegistry) {
    this.#stages = stages;
    this.#registry = registry;
  }

  /** Removes the volume now, or later. Under its lock; it must not be in the registry. Throws nothing. */
  async discard(hosted: HostedVolume): Promise<void> {
    try {
      await this.remove(hosted);
    } catch (error) {
      const { message } = toLanternError(error, 'remove a volume');
      this.#stages.log.warn({ problem: message }, 'the files of a volume could not be removed; it is tried again');
    }
  }

  /** The same, and throws what stands against it, though it is tried again all the same. */
  async remove(hosted: HostedVolume): Promise<void> {
    const key = hosted.directoryName;
    try {
      await hosted.remove();
      this.#forget(key);
    } catch (error) {
      const waits = this.#all.get(key)?.waits ?? delays(RETRY);
      this.#forget(key);
      const timer = this.#stages.clock.after(waits.next().value, () => void this.#retry(key));
      this.#all.set(key, { hosted, waits, timer });
      throw error;
    }
  }

  /** Removes what is left of the volume with this key, for somebody who wants to be sure. Under its lock. */
  async clear(key: string): Promise<void> {
    const left = this.#all.get(key);
    if (left !== undefined) await this.remove(left.hosted);
  }

  /** Ends the retries; the next start sweeps what is left. */
  [Symbol.dispose](): void {
    this.#stop.abort();
    for (const key of [...this.#all.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    this.#all.get(key)?.timer[Symbol.dispose]();
    this.#all.delete(key);
  }

  async #retry(key: string): Promise<void> {
    try {
      await this.#registry.exclusively(key, this.#stop.signal, () => this.clear(key));
    } catch (error) {
      // It failed again, which was said the first time, or the daemon ends.
      if (!(error instanceof LanternError) && !this.#stop.signal.aborted) throw error;
    }
  }
}
