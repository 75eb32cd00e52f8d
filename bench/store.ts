import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp';
import type { ObjectDraft } from '../src/objects/object.ts';
import { EmbeddedStore } from '../src/stores/embedded/embedded-store.ts';
import { type Figure, isQuick, seconds } from './measure.ts';

const VALUE_BYTES = 2048;
const OPTIONS = { createOnly: false, dryRun: false };
const NEVER = new AbortController().signal;

/**
 * A store of many Secrets, on the disk that temporary files are on: how long it takes to fill, open, list and watch.
 */
export async function benchStore(): Promise<Figure[]> {
  const count = isQuick ? 500 : 10_000;
  const { name: top, removeCallback } = dirSync({ template: 'lantern-bench-XXXXXX', unsafeCleanup: true });
  try {
    const directory = join(top, 'data');
    mkdirSync(directory, { mode: 0o700 });
    const open = () => EmbeddedStore.open({ directory, keyFiles: [join(directory, 'key')] });
    const before = process.memoryUsage().rss;
    let store = await open();
    const filled = await seconds(() => Promise.all(drafts(count).map((draft) => store.apply(draft, OPTIONS, NEVER))));
    await store[Symbol.asyncDispose]();
    const opened = await seconds(async () => {
      store = await open();
    });
    const listed = await seconds(() => store.list({ kind: 'Secret' }, NEVER));
    const watched = await seconds(() => firstEvent(store));
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    await store[Symbol.asyncDispose]();
    const what = `${count} Secrets of ${VALUE_BYTES} bytes`;
    const stored = (count * VALUE_BYTES) / 2 ** 20;
    return [
      figure(`${what}: stored durably`, `${filled.toFixed(2)} s`, '< 5 s', filled < 5),
      figure(`${what}: opened, every record checked`, `${opened.toFixed(2)} s`, '< 5 s', opened < 5),
      figure(`${what}: listed`, `${(listed * 1000).toFixed(1)} ms`, '< 100 ms', listed < 0.1),
      figure(`${what}: put until watch event`, `${(watched * 1000).toFixed(1)} ms`, '< 50 ms', watched < 0.05),
      figure(
        `${what}: memory of it all`,
        `${grown.toFixed(0)} MiB (${stored.toFixed(0)} MiB of values)`,
        '< 512 MiB',
        grown < 512,
      ),
    ];
  } finally {
    removeCallback();
  }
}

function drafts(count: number): ObjectDraft[] {
  return Array.from({ length: count }, (_, index) => draft(`secret-${index}`, index));
}

function draft(name: string, seed: number): ObjectDraft {
  return {
    kind: 'Secret',
    type: 'Opaque',
    immutable: false,
    data: new Map([['value', Buffer.alloc(VALUE_BYTES, `${seed} `)]]),
    metadata: { name, namespace: 'default', labels: new Map(), annotations: new Map() },
  };
}

/** One change, and the wait until a watch shows it. */
async function firstEvent(store: EmbeddedStore): Promise<void> {
  const stop = new AbortController();
  const events = store.watch({ kind: 'Secret' }, stop.signal)[Symbol.asyncIterator]();
  const next = events.next();
  await store.apply(draft('secret-0', -1), OPTIONS, NEVER);
  await next;
  stop.abort();
}

function figure(what: string, value: string, aim: string, met: boolean): Figure {
  return { what, value, aim, met };
}
