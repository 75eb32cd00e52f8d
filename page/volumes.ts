import type { VolumeRow } from '../src/operations/live/messages.ts';

export type State = VolumeRow['state'];
export type Sort = 'state' | 'name' | 'updated';

/** `words`: what a search looks at. `changedAt`: when it was last seen to change, by `performance.now`; never: -∞. */
export type Volume = VolumeRow & { readonly words: string; readonly changedAt: number };

export type View = { readonly text: string; readonly state: State | undefined; readonly sort: Sort };

/** Trouble comes first. */
const RANKS: Readonly<Record<State, number>> = { degraded: 0, stale: 1, ready: 2 };

/** All volumes that the daemon has named. */
export class Volumes {
  readonly #all = new Map<string, Volume>();
  /** Those named since the connection began; undefined once all were. */
  #named: Set<string> | undefined;

  /** After a loss: what the daemon does not name again is gone. */
  begin(): void {
    this.#named = new Set();
  }

  put(rows: readonly VolumeRow[]): void {
    for (const row of rows) {
      const before = this.#all.get(row.id);
      const isNews = this.#named === undefined || (before !== undefined && before.generation !== row.generation);
      const changedAt = isNews ? performance.now() : (before?.changedAt ?? Number.NEGATIVE_INFINITY);
      this.#all.set(row.id, { ...row, words: wordsOf(row), changedAt });
      this.#named?.add(row.id);
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#all.delete(id);
  }

  listed(): void {
    for (const id of this.#all.keys()) if (this.#named?.has(id) === false) this.#all.delete(id);
    this.#named = undefined;
  }

  get(id: string): Volume | undefined {
    return this.#all.get(id);
  }

  select({ text, state, sort }: View): readonly Volume[] {
    const words = searchWords(text);
    const found = [...this.#all.values()].filter((volume) => {
      return (state === undefined || volume.state === state) && words.every((word) => volume.words.includes(word));
    });
    return found.sort(ORDERS[sort]);
  }
}

const byName = (a: Volume, b: Volume) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

const ORDERS: Readonly<Record<Sort, (a: Volume, b: Volume) => number>> = {
  name: byName,
  state: (a, b) => RANKS[a.state] - RANKS[b.state] || byName(a, b),
  updated: (a, b) => (b.updatedAt ?? 0) - (a.updatedAt ?? 0) || byName(a, b),
};

function wordsOf({ id, namespace, state, reason = '', pod = '', objects, targets }: VolumeRow): string {
  const contents = objects.items.map(({ kind, name }) => `${kind}/${name}`);
  return [id, namespace, state, reason, pod, ...contents, ...targets.items].join('\n').toLowerCase();
}

export function searchWords(text: string): readonly string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}
