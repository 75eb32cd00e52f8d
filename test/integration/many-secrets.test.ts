import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectDraft } from '../../src/objects/object.ts';
import type { LanternClient } from '../../src/rpc/client.ts';
import type { ObjectEvent__Output as ObjectEvent } from '../../src/rpc/generated/lantern/v1/ObjectEvent.ts';
import { objectsService } from '../../src/rpc/lantern/objects-service.ts';
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const FEW = 1_000;
const MANY = 10_000;
const VALUE_BYTES = 2048;
const HISTORY_EVENTS = 500;
const NEVER = new AbortController().signal;

function draft(name: string, bytes = VALUE_BYTES): ObjectDraft {
  return {
    kind: 'Secret',
    type: 'Opaque',
    immutable: false,
    data: new Map([['value', Buffer.alloc(bytes, `${name} ${Math.random()}`)]]),
    metadata: { name, namespace: 'default', labels: new Map(), annotations: new Map() },
  };
}

/** The embedded store behind a real socket, and what it takes to use it. Bounds are ratios: machines differ. */
class Shop implements AsyncDisposable {
  readonly store: EmbeddedStore;
  readonly #directory: TempDir;
  readonly #fixture: RpcFixture;
  readonly #stop = new AbortController();
  #middle: string | undefined;
  #watch: AsyncIterator<ObjectEvent> | undefined;

  private constructor(directory: TempDir, store: EmbeddedStore, fixture: RpcFixture) {
    this.#directory = directory;
    this.store = store;
    this.#fixture = fixture;
  }

  static async open(): Promise<Shop> {
    const directory = new TempDir('/dev/shm');
    const store = await EmbeddedStore.open({
      directory: directory.path,
      keyFiles: [directory.at('key')],
      historyEvents: HISTORY_EVENTS,
    });
    return new Shop(directory, store, await RpcFixture.start({ objects: objectsService(store) }));
  }

  get objects(): LanternClient['objects'] {
    return this.#fixture.client.objects;
  }

  async put(names: readonly string[], bytes?: number): Promise<void> {
    const options = { createOnly: false, dryRun: false };
    await Promise.all(names.map((name) => this.store.apply(draft(name, bytes), options, NEVER)));
  }

  /** Every page: how many objects, and in how many pages. */
  async list(pageSize = 0): Promise<{ objects: number; pages: number }> {
    let pageToken = '';
    let objects = 0;
    for (let pages = 1; ; pages += 1) {
      const page = await this.objects.list({ kind: 'Secret', pageSize, pageToken });
      objects += page.objects.length;
      pageToken = page.nextPageToken;
      if (pageToken === '') return { objects, pages };
    }
  }

  /** A page from the middle. */
  async page(): Promise<void> {
    const pageToken = this.#middle ?? (await this.objects.list({ kind: 'Secret', pageSize: 300 })).nextPageToken;
    this.#middle = pageToken;
    await this.objects.list({ kind: 'Secret', pageSize: 100, pageToken });
  }

  /** Puts one object and waits until a watch shows it. */
  async notice(): Promise<void> {
    this.#watch ??= await this.#startWatch();
    await this.put([name(0)]);
    const { value } = await this.#watch.next();
    if (value?.object?.metadata?.name !== name(0)) throw new Error('another event came');
  }

  /** A watch of its own, with the values. */
  watchWithData(resourceVersion: string): { next(): Promise<IteratorResult<ObjectEvent>> } & Disposable {
    const stop = new AbortController();
    const request = { kind: 'Secret', resourceVersion, withData: true };
    const events = this.objects.watch(request, { signal: stop.signal })[Symbol.asyncIterator]();
    return { next: () => events.next(), [Symbol.dispose]: () => stop.abort() };
  }

  async #startWatch(): Promise<AsyncIterator<ObjectEvent>> {
    const { resourceVersion } = await this.objects.list({ kind: 'Secret', pageSize: 1 });
    const events = this.objects.watch({ kind: 'Secret', resourceVersion }, { signal: this.#stop.signal });
    return events[Symbol.asyncIterator]();
  }

  async endWatch(): Promise<void> {
    this.#stop.abort();
    await this.#watch?.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}

function name(index: number): string {
  return `secret-${String(index).padStart(5, '0')}`;
}

function names(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => name(from + index));
}

type Act = 'list' | 'page' | 'notice';
type Times = Record<Act, number>;

/** The least times of several rounds, in milliseconds, taken in turns: what else the machine does only adds to them. */
async function leastTimes(
  rounds: number,
  few: Shop,
  many: Shop,
): Promise<{ readonly few: Times; readonly many: Times }> {
  const least = (): Times => ({
    list: Number.POSITIVE_INFINITY,
    page: Number.POSITIVE_INFINITY,
    notice: Number.POSITIVE_INFINITY,
  });
  const times = { few: least(), many: least() };
  for (let round = 0; round < rounds; round += 1) {
    for (const act of ['list', 'page', 'notice'] as const) {
      for (const [size, shop] of [
        ['few', few],
        ['many', many],
      ] as const) {
        const start = performance.now();
        await shop[act]();
        times[size][act] = Math.min(times[size][act], performance.now() - start);
      }
    }
  }
  await Promise.all([few.endWatch(), many.endWatch()]);
  return times;
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/**
 * What this process holds, client and server, in bytes. A second collection waits for what the first one frees aside.
 */
function held(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

let shop: Shop;
let few: Times;
let many: Times;
let bytesPerObject: number;
beforeAll(async () => {
  await using small = await Shop.open();
  await small.put(names(0, FEW));
  shop = await Shop.open();
  await shop.put(names(0, FEW));
  const before = held();
  await shop.put(names(FEW, MANY));
  bytesPerObject = (held() - before) / (MANY - FEW);
  ({ few, many } = await leastTimes(20, small, shop));
}, 120_000);
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

describe(`${MANY} Secrets in the embedded store, beside ${FEW}`, () => {
  test('all of them are listed, in pages that clients take, for no more time each', async () => {
    expect((await shop.list()).objects).toBe(MANY);
    expect(await shop.list(1_000)).toEqual({ objects: MANY, pages: MANY / 1_000 });
    // Time that grew with the square would be ten times as much.
    expect(many.list / MANY).toBeLessThan((few.list / FEW) * 5);
  });

  test('a page costs what it holds, not what the store holds', () => {
    expect(many.page).toBeLessThan(few.page * 3);
    expect(many.page).toBeLessThan(many.list / 5);
  });

  test('a watch hears of a change as soon', () => {
    expect(many.notice).toBeLessThan(few.notice * 5);
  });

  test('memory is that of the values and a little for each object', () => {
    expect(bytesPerObject).toBeLessThan(VALUE_BYTES * 3);
  });

  test('a watch that is not read holds no more than the history, and is told; another hears everything', async () => {
    const valueBytes = 16 * 1024;
    const changes = 10 * HISTORY_EVENTS;
    const { resourceVersion } = await shop.objects.list({ kind: 'Secret', pageSize: 1 });
    using slow = shop.watchWithData(resourceVersion);
    using quick = shop.watchWithData(resourceVersion);
    await shop.put([name(0)]);
    // gRPC's client reads on without end until somebody has asked for a first message.
    for (const reader of [slow, quick]) await reader.next();
    const before = held();
    let least = Number.POSITIVE_INFINITY;
    for (let done = 0; done < changes; done += 100) {
      await shop.put(names(0, 100), valueBytes);
      for (let heard = 0; heard < 100; heard += 1) expect((await quick.next()).done).toBe(false);
      if (done >= changes / 2 && done % 500 === 0) least = Math.min(least, held() - before);
    }
    // Kept without bound it would be half of the changes and more at every look; the history is a tenth of them. What
    // is under way, or not yet collected, comes and goes, so the least of the looks counts.
    expect(least).toBeLessThan((changes * valueBytes) / 4);
    const readOn = async () => {
      for (let heard = 0; heard < changes; heard += 1) await slow.next();
    };
    await expect(readOn()).rejects.toMatchObject({ code: 'resource-exhausted' });
  });
});
