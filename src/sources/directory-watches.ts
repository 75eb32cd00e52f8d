import { type FSWatcher, watch } from 'node:fs';

/** Kernel notifications (inotify) from a set of directories, not from what lies deeper. Does not keep the process alive. */
export class DirectoryWatches implements Disposable {
  readonly #onEvent: () => void;
  readonly #watchers = new Map<string, FSWatcher>();

  /** `onEvent` is called for anything that happens in one of the directories, a failing watch included. */
  constructor(onEvent: () => void) {
    this.#onEvent = onEvent;
  }

  /** From its return on, nothing is missed. A repeat does nothing. Throws as `fs.watch` does. */
  add(path: string): void {
    if (this.#watchers.has(path)) return;
    const watcher = watch(path, { persistent: false }, this.#onEvent);
    watcher.on('error', this.#onEvent);
    this.#watchers.set(path, watcher);
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
