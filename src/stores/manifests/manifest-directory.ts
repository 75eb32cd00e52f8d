import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { ContainedDirectory } from '../../base/contained-directory.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Slices } from '../../base/steps.ts';
import { type Parser, parserHere } from '../../spec/parser/parse-tasks.ts';
import type { Store } from '../store.ts';
import { isManifestName, ManifestSet } from './manifest-set.ts';
import { ManifestReconciler } from './reconciler.ts';

/** A burst of events ends after this long without an event, in milliseconds… */
const QUIET_MS = 20;
/** …or after this long in all. */
const BURST_MS = 200;
/** Retry delay after a failure that may be temporary, in milliseconds. */
const RETRY_MS = 1_000;
/** Polling period during a flood of events, in milliseconds. */
const FLOODED_MS = 2_000;
/** The limit for all names in the directory. */
const MAX_NAMES = 20_000;

type ManifestDirectoryOptions = {
  readonly directory: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: parses on this thread. */
  readonly parser?: Parser;
  /** For manifests without a namespace. Default: `default`. */
  readonly defaultNamespace?: string;
};

/**
 * Keeps a store in step with a directory's manifests: every `*.yaml`, `*.yml` and `*.json` in it, without
 * subdirectories and dotfiles; links are followed if they end inside it. The kernel reports changes; polling is only
 * for floods of events.
 *
 * An unreadable or invalid file keeps its previous objects and is logged once, never with contents. Of an object in two
 * files, the first by file name counts. An object that is in no file any more is deleted after a second if this
 * directory applied it; objects that others changed or created stay until their file changes.
 */
export class ManifestDirectory implements AsyncDisposable {
  readonly #options: ManifestDirectoryOptions;
  readonly #manifests: ManifestSet;
  readonly #reconciler: ManifestReconciler;
  readonly #closing = new AbortController();
  #watches: DirectoryWatches;
  /** When a flood of events was last noticed, on the monotonic clock; undefined without a flood. */
  #floodedAt: number | undefined;
  #reported = new Set<string>();
  #burstStart: number | undefined;
  #quiet: Disposable | undefined;
  #later: Disposable | undefined;
  #passes: Promise<void> = Promise.resolve();

  constructor(options: ManifestDirectoryOptions) {
    this.#options = options;
    this.#manifests = new ManifestSet({
      defaultNamespace: options.defaultNamespace ?? 'default',
      parser: options.parser ?? parserHere,
      slices: new Slices(options.clock),
    });
    this.#reconciler = new ManifestReconciler(options);
    this.#watches = this.#newWatches();
  }

  /** Resolves once valid manifests are applied; follows changes. Fatal: a directory that cannot be read or watched. */
  async start(signal: AbortSignal): Promise<void> {
    const load = this.#pass(AbortSignal.any([signal, this.#closing.signal]));
    this.#passes = load.catch(() => {});
    await load;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    // A pending pass may still set a timer.
    await this.#passes;
    this.#quiet?.[Symbol.dispose]();
    this.#later?.[Symbol.dispose]();
    this.#watches[Symbol.dispose]();
  }

  readonly #onEvent = (): void => {
    if (this.#closing.signal.aborted) return;
    const { clock } = this.#options;
    const now = clock.monotonic();
    this.#burstStart ??= now;
    this.#quiet?.[Symbol.dispose]();
    this.#quiet = clock.after(Math.max(0, Math.min(QUIET_MS, this.#burstStart + BURST_MS - now)), () => {
      this.#burstStart = undefined;
      this.#queuePass();
    });
  };

  readonly #onFlood = (): void => {
    if (this.#closing.signal.aborted) return;
    if (this.#floodedAt === undefined) {
      this.#options.log.warn(
        `too much happens in the manifests directory "${this.#options.directory}"; it is read every ${FLOODED_MS / 1000} s until that ends`,
      );
    }
    this.#floodedAt = this.#options.clock.monotonic();
    this.#passLater(FLOODED_MS);
  };

  #newWatches(): DirectoryWatches {
    return new DirectoryWatches(this.#options.clock, { onEvent: this.#onEvent, onFlood: this.#onFlood });
  }

  /** The pass after a flood watches again. If no flood follows until the next pass, it is over. */
  #noteEndOfFlood(): void {
    const { clock, directory, log } = this.#options;
    if (this.#floodedAt === undefined || clock.monotonic() - this.#floodedAt < 1.5 * FLOODED_MS) return;
    this.#floodedAt = undefined;
    log.info(`the manifests directory "${directory}" is quiet enough to be followed again`);
  }

  #queuePass(): void {
    this.#passes = this.#passes
      .then(() => this.#pass(this.#closing.signal))
      .catch((error: unknown) => {
        if (this.#closing.signal.aborted) return;
        this.#report([toLanternError(error, 'follow the manifests').message]);
        this.#passLater(RETRY_MS);
      });
  }

  #passLater(ms: number | undefined): void {
    this.#later?.[Symbol.dispose]();
    this.#later = ms === undefined ? undefined : this.#options.clock.after(ms, () => this.#queuePass());
  }

  /** Reads the whole directory and updates the store. Watches are renewed first, because links may have changed. */
  async #pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#noteEndOfFlood();
    const watches = this.#newWatches();
    try {
      await this.#readManifests(watches, signal);
    } catch (error) {
      watches[Symbol.dispose]();
      signal.throwIfAborted();
      throw toLanternError(error, `read the manifests in "${this.#options.directory}"`);
    }
    this.#watches[Symbol.dispose]();
    this.#watches = watches;
    const result = await this.#reconciler.reconcile(this.#manifests.objects(), signal);
    this.#report([...this.#manifests.problems(), ...result.problems]);
    this.#passLater(
      this.#floodedAt === undefined ? result.againInMs : Math.min(FLOODED_MS, result.againInMs ?? FLOODED_MS),
    );
  }

  async #readManifests(watches: DirectoryWatches, signal: AbortSignal): Promise<void> {
    await using directory = await ContainedDirectory.open(this.#options.directory);
    const { identity } = await directory.stat();
    watches.add(identity, directory.path);
    const names = await directory.names(MAX_NAMES);
    if (names === undefined) {
      throw new LanternError(
        'resource-exhausted',
        `read the manifests in "${this.#options.directory}": it holds more than ${MAX_NAMES} names; remove what is no manifest`,
      );
    }
    const onDirectory = (identity: string, path: string) => watches.add(identity, path);
    await this.#manifests.read(directory, names.filter(isManifestName), onDirectory, signal);
  }

  /** Logs only new problems. */
  #report(problems: readonly string[]): void {
    for (const problem of problems) {
      if (!this.#reported.has(problem)) this.#options.log.warn(problem);
    }
    this.#reported = new Set(problems);
  }
}

/** More events than this per `FLOOD_MS` milliseconds are a flood: each costs a few microseconds of the event loop. */
const FLOOD_EVENTS = 1_000;
const FLOOD_MS = 100;

type WatchListener = {
  /** Called after any event in a directory, including a failing watch. */
  readonly onEvent: () => void;
  /** Called at a flood. Nothing is watched any more. */
  readonly onFlood: () => void;
};

/**
 * Kernel notifications (inotify) from a set of directories without subdirectories. They do not keep the process alive.
 *
 * A flood ends the watches: Node reads notifications until there are none, so a process that makes them as fast as they
 * are read would block the event loop forever.
 */
class DirectoryWatches implements Disposable {
  readonly #listener: WatchListener;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  #isOver = false;
  #windowStart = 0;
  #events = 0;

  constructor(clock: Clock, listener: WatchListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** After its return nothing is missed, except in a flood. `path` is not checked again. Throws as `fs.watch`. */
  add(identity: string, path: string): void {
    if (this.#isOver || this.#watchers.has(identity)) return;
    const watcher = watch(path, { persistent: false }, this.#onEvent);
    watcher.on('error', this.#onEvent);
    this.#watchers.set(identity, watcher);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  readonly #onEvent = (): void => {
    if (this.#isOver) return;
    const now = this.#clock.monotonic();
    if (now - this.#windowStart > FLOOD_MS) {
      this.#windowStart = now;
      this.#events = 0;
    }
    this.#events += 1;
    if (this.#events <= FLOOD_EVENTS) {
      this.#listener.onEvent();
    } else {
      this[Symbol.dispose]();
      this.#listener.onFlood();
    }
  };
}
