import { abortable, type Clock } from '../base/clock.ts';
import { toLanternError } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import { delays, Wakeup } from '../base/retry.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { TokenSigner } from './token-signer.ts';

/** Expired keys leave the file within this time. */
const DAY_MS = 86_400_000;
const BACKOFF = { firstMs: 1_000, maxMs: 60_000, jitter: 0.2 };

type KeySetFileOptions = {
  readonly path: string;
  readonly keys: SigningKeys;
  readonly signer: TokenSigner;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Keeps the public keys in a file for services that verify tokens. The file is replaced atomically. Failures are logged
 * and retried, because a daemon without this file is better than none.
 */
export class KeySetFile implements AsyncDisposable {
  readonly #options: KeySetFileOptions;
  readonly #closing = new AbortController();
  readonly #changed = new Wakeup();
  #running: Promise<void> = Promise.resolve();
  #following: Disposable | undefined;
  #written: string | undefined;

  constructor(options: KeySetFileOptions) {
    this.#options = options;
  }

  /** Resolves after the first attempt, even a failed one. The store must be ready. `signal` ends only this wait. */
  async start(signal: AbortSignal): Promise<void> {
    this.#following = this.#options.keys.onChange(() => this.#changed.ring());
    const first = this.#try();
    this.#running = first.then((isWritten) => this.#run(isWritten));
    await abortable(first, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#following?.[Symbol.dispose]();
    await this.#running;
  }

  async #run(wasWritten: boolean): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let isWritten = wasWritten;
    let waits = delays(BACKOFF);
    for (;;) {
      try {
        await this.#changed.wait(isWritten ? DAY_MS : waits.next().value, clock, signal);
      } catch {
        return;
      }
      isWritten = await this.#try();
      if (isWritten) waits = delays(BACKOFF);
    }
  }

  /** True if the file is up to date. */
  async #try(): Promise<boolean> {
    const { path, signer, log } = this.#options;
    try {
      const text = `${JSON.stringify(await signer.publicKeys(this.#closing.signal))}\n`;
      if (text === this.#written) return true;
      await replaceFile(path, [text], 0o644);
      this.#written = text;
      log.debug({ path }, 'public keys written');
      return true;
    } catch (error) {
      if (!this.#closing.signal.aborted) log.warn(toLanternError(error, `write the public keys to "${path}"`).message);
      return false;
    }
  }
}
