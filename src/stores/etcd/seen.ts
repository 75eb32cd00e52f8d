import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import * as z from 'zod';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { readUpTo } from '../../base/read-up-to.ts';
import type { EtcdHistory, SeenHistory } from './history.ts';

/** How far the file may fall behind. A restored snapshot is older than this. */
const PERIOD_MS = 2_000;
const MAX_BYTES = 4_096;

type EtcdSeenOptions = { readonly path: string; readonly clock: Clock; readonly log: Log };

/**
 * A file with etcd's progress for the next daemon: an etcd that went back while no daemon ran is another store too. It
 * lies with the volumes' records, because those must not be compared across histories. Failures are only logged,
 * because a daemon without this file is better than none.
 */
export class EtcdSeen implements AsyncDisposable {
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

  /** An unusable file is ignored with a warning. */
  static async open(options: EtcdSeenOptions): Promise<EtcdSeen> {
    return new EtcdSeen(options, await readSeen(options));
  }

  /** Starts to keep the file up to date with `history`. */
  keep(history: Pick<EtcdHistory, 'seen'>): void {
    this.#history = history;
    this.#running = this.#run(this.#closing.signal);
  }

  /** Resolves once the file has the current progress, or the write failed. */
  async save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write());
    await this.#saving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Saves periodically until the signal aborts, and once more then. */
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
  await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const isFile = (await file.stat()).isFile();
  const bytes = isFile ? await readUpTo(file.createReadStream(), MAX_BYTES) : undefined;
  if (bytes === undefined) throw damaged(what);
  return bytes.toString();
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
