import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import type { EtcdHistory, SeenHistory } from './history.ts';

/** How far the file may fall behind. A snapshot that is restored is older than this. */
const PERIOD_MS = 2_000;
const MAX_BYTES = 4_096;

type EtcdSeenOptions = { readonly path: string; readonly clock: Clock; readonly log: Log };

/**
 * A file that says how far etcd had come, for the daemon that starts next: what went back while no daemon was there is
 * another store too. It shares the fate of the volumes' records, since they are what must not be compared across. A
 * daemon without this file is better than none, so failures are only logged.
 */
export class EtcdSeen implements AsyncDisposable {
  /** Written by the previous daemon. */
  readonly before: SeenHistory | undefined;
  readonly #options: EtcdSeenOptions;
  readonly #closing = new AbortController();
  #history: Pick<EtcdHistory, 'seen'> | undefined;
  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #written: string | undefined;
  #isFailing = false;

  private constructor(options: EtcdSeenOptions, before: SeenHistory | undefined) {
    this.#options = options;
    this.before = before;
  }

  /** A file that cannot be used is left out of account, with a warning. */
  static async open(options: EtcdSeenOptions): Promise<EtcdSeen> {
    return new EtcdSeen(options, await readSeen(options));
  }

  /** From now on the file is kept at that. */
  keep(history: Pick<EtcdHistory, 'seen'>): void {
    this.#history = history;
    this.#running = this.#run(this.#closing.signal);
  }

  /** Resolves when the file says what has been seen by now, or could not be written. */
  async save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write());
    await this.#saving;
  }

  /** Writes it for the last time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Until the signal aborts, and once more then. */
  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(PERIOD_MS, signal).catch(() => {});
      await this.save();
    }
  }

  async #write(): Promise<void> {
    const seen = this.#history?.seen;
    if (seen === undefined) return;
    const text = JSON.stringify({ version: 1, ...seen, term: String(seen.term) });
    if (text === this.#written) return;
    const { path, log } = this.#options;
    try {
      await replaceFile(path, [text]);
      this.#written = text;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) log.warn(toLanternError(error, `write how far etcd has come to "${path}"`).message);
      this.#isFailing = true;
    }
  }
}

const SEEN = z.strictObject({
  version: z.literal(1),
  id: z.string().min(1),
  cluster: z.string().regex(/^[0-9a-f]{1,16}$/),
  revision: z.int().nonnegative(),
  term: z.string().regex(/^[0-9]{1,20}$/),
});

async function readSeen({ path, log }: EtcdSeenOptions): Promise<SeenHistory | undefined> {
  const what = `read how far etcd had come from "${path}"`;
  try {
    const { version: _, term, ...seen } = parseSeen(await readSmall(path, what), what);
    return { ...seen, term: BigInt(term) };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    log.warn(`${toLanternError(error, what).message}; a snapshot that was restored meanwhile may go unnoticed`);
    return undefined;
  }
}

async function readSmall(path: string, what: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MAX_BYTES) throw damaged(what);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function parseSeen(text: string, what: string): z.output<typeof SEEN> {
  try {
    return SEEN.parse(JSON.parse(text));
  } catch {
    throw damaged(what);
  }
}

function damaged(what: string): LanternError {
  return new LanternError('data-loss', `${what}: it is not a file of ours, or damaged`);
}
