/** Told by long work about itself, for whoever waits for it. Costs next to nothing per object. */
export interface Progress {
  /** The next part of the work begins. `what` is such as `reading objects`; `total` is their number, if it is known. */
  begin(what: string, total?: number): void;
  /** One more of them is done. */
  step(): void;
}

/** For work that nobody watches. */
export const UNSEEN: Progress = { begin: () => {}, step: () => {} };

/** Passes the items on, and tells of each. */
export async function* counted<T>(items: AsyncIterable<T> | Iterable<T>, progress: Progress): AsyncGenerator<T, void> {
  for await (const item of items) {
    yield item;
    progress.step();
  }
}
