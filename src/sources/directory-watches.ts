import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../base/clock.ts';

/** More events than this within this many milliseconds are a flood: each costs a few microseconds of the event loop. */
const FLOOD_EVENTS = 1_000;
const FLOOD_MS = 100;

export type WatchListener = {
  /** Anything happened in one of the directories, a failing watch included. */
  readonly onEvent: () => void;
  /** More happened than can be listened to. Nothing is watched any more. */
  readonly onFlood: () => void;
};

/**
 * Kernel notifications (inotify) from a set of directories, not from what lies deeper. Does not keep the process alive.
 *
 * Node reads notifications until there are none, so whoever makes them as fast as they are read would hold the event loop for
 * ever. That is why a flood ends the watches.
 */
export class DirectoryWatches implements Disposable {
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

  /**
   * From its return on, nothing is missed, unless there is a flood. A repeat of the same `identity` does nothing. `path` is
   * not looked at again. Throws as `fs.watch` does.
   */
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
