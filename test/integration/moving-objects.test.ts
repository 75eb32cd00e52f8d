import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { UNSEEN } from '../../src/base/progress.ts';
import type { Cli } from '../../src/cli/command.ts';
import { checkArchive, importObjects } from '../../src/cli/moving/import-objects.ts';
import { Spool } from '../../src/cli/moving/spool.ts';
import { OBJECT_KINDS, type ObjectDraft, refKey, refOf, type StoredObject } from '../../src/objects/object.ts';
import type { LanternClient } from '../../src/rpc/client.ts';
import { objectsService } from '../../src/rpc/lantern/objects-service.ts';
import { Archive, ArchiveCipher, ArchiveWriter, FRAME_BYTES } from '../../src/stores/archive/archive.ts';
import { MemoryStore } from '../../src/stores/kept/memory-store.ts';
import { isSameContents } from '../../src/stores/kept/next-state.ts';
import { passingKey } from '../../src/stores/sealed/key-file.ts';
import type { Applied, ListFilter, ObjectList, Store } from '../../src/stores/store.ts';
import { arbitraryObjects } from '../support/objects/arbitrary-object.ts';
import { configMapDraft, metadata, secretDraft, serviceAccountDraft, stored } from '../support/objects/builders.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { RecordedTerminal } from '../support/suite/recorded-terminal.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const KEY = passingKey();
const KEYS = { first: KEY, byId: new Map([[KEY.id, KEY]]) };

/** A store behind a real socket, with no daemon that has a part in it. */
class World implements AsyncDisposable {
  store: MemoryStore = new MemoryStore();
  /** Called before each list of the store. */
  onList: (filter: ListFilter) => Promise<void> = async () => {};
  readonly fixture: RpcFixture;

  private constructor(fixture: RpcFixture) {
    this.fixture = fixture;
  }

  static async start(): Promise<World> {
    const worlds: World[] = [];
    const now = () => worlds[0]?.store ?? new MemoryStore();
    const store = {
      get: (...args: Parameters<Store['get']>) => now().get(...args),
      apply: (...args: Parameters<Store['apply']>): Promise<Applied> => now().apply(...args),
      list: async (filter: ListFilter, signal: AbortSignal): Promise<ObjectList> => {
        await worlds[0]?.onList(filter);
        return await now().list(filter, signal);
      },
    } as unknown as Store;
    const getKeys = async () => ({ jwksJson: '{"keys":[]}', issuer: 'lantern' });
    const world = new World(await RpcFixture.start({ objects: objectsService(store), tokens: { getKeys } }));
    worlds.push(world);
    return world;
  }

  get client(): LanternClient {
    return this.fixture.client;
  }

  async put(...drafts: readonly ObjectDraft[]): Promise<void> {
    for (const draft of drafts) await this.store.apply(draft, { createOnly: false, dryRun: false }, NEVER);
  }

  async drop(draft: ObjectDraft): Promise<void> {
    await this.store.delete(refOf(draft), undefined, NEVER);
  }

  async contents(): Promise<StoredObject[]> {
    const lists = await Promise.all(OBJECT_KINDS.map((kind) => this.store.list({ kind }, NEVER)));
    return lists.flatMap(({ objects }) => objects);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture[Symbol.asyncDispose]();
  }
}

let from: World;
let to: World;
let directory: TempDir;

beforeAll(async () => {
  directory = new TempDir('/dev/shm');
  from = await World.start();
  to = await World.start();
});
afterAll(async () => {
  await from[Symbol.asyncDispose]();
  await to[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function expectSame(found: readonly StoredObject[], wanted: readonly (ObjectDraft | StoredObject)[]): void {
  const byKey = new Map(found.map((object) => [refKey(refOf(object)), object]));
  expect([...byKey.keys()].sort()).toEqual(wanted.map((draft) => refKey(refOf(draft))).sort());
  for (const draft of wanted) {
    const object = byKey.get(refKey(refOf(draft)));
    expect(object !== undefined && isSameContents(object, draft), refKey(refOf(draft))).toBe(true);
  }
}

async function exported(): Promise<StoredObject[]> {
  await using spool = await Spool.fill(directory.path, from.client, UNSEEN, NEVER);
  const objects: StoredObject[] = [];
  for await (const object of spool.objects()) objects.push(object);
  expect(objects).toHaveLength(spool.count);
  return objects;
}

type Options = Omit<Parameters<typeof importObjects>[3], 'progress'>;

/** Imports an archive of these objects; the terminal tells what was said. */
async function imported(objects: readonly StoredObject[], options: Options): Promise<RecordedTerminal> {
  const terminal = new RecordedTerminal();
  const cli: Cli = { terminal, environment: {}, user: { uid: 0 }, clock: systemClock, signal: NEVER };
  const file = await open(directory.at('archive'), 'w+', 0o600);
  try {
    const writer = await ArchiveWriter.begin(file, KEY);
    for (const object of objects) await writer.append(object);
    await writer.finish();
    const checked = await checkArchive(await Archive.open(file, KEYS, 'import'), UNSEEN);
    await importObjects(cli, to.client, checked, { ...options, progress: UNSEEN });
  } finally {
    await file.close();
  }
  return terminal;
}

const REFUSE: Options = { mode: 'refuse', dryRun: false };

test('any set of objects survives the move into an empty store, and a repeat changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryObjects, async (drafts) => {
      from.store = new MemoryStore();
      to.store = new MemoryStore();
      await from.put(...drafts);
      const objects = await exported();
      await imported(objects, REFUSE);
      expectSame(await to.contents(), drafts);
      const { revision } = to.store;
      const { printed } = await imported(objects, REFUSE);
      expect(to.store.revision).toBe(revision);
      expect(printed.join().replaceAll(/\d+ unchanged/g, '')).not.toMatch(/\d+ /);
    }),
    { numRuns: 40 },
  );
});

describe('an export while objects change', () => {
  const before = [secretDraft('a', { x: '1' }), secretDraft('b', { x: '1' }), configMapDraft('c', { x: '1' })];

  test('is the state of one moment', async () => {
    from.store = new MemoryStore();
    await from.put(...before, serviceAccountDraft('default'));
    // Between one kind and the next: changes of what was read already, of what was not, and back again.
    const changes: (() => Promise<void>)[] = [
      async () => {},
      () => from.put(secretDraft('a', { x: '2' }), configMapDraft('c', { x: '2' }), secretDraft('new', { x: '2' })),
      () => from.drop(secretDraft('b')),
      () => from.drop(serviceAccountDraft('default')),
      () => from.put(secretDraft('b', { x: '3' })),
      () => from.drop(secretDraft('new')),
      () => from.put(secretDraft('late', { x: '4' })),
    ];
    from.onList = async () => await changes.shift()?.();
    const objects = await exported();
    expect(changes).toEqual([]);
    expectSame(objects, await from.contents());
    expect(objects.map(({ metadata: { name } }) => name).sort()).toEqual(['a', 'b', 'c', 'late']);
  });

  test('is given up when they change faster than they can be read', async () => {
    from.store = new MemoryStore();
    await from.put(...before);
    let count = 0;
    from.onList = () => from.put(secretDraft('busy', { x: String(count++) }));
    const { code, message } = await rejectionOf(exported());
    from.onList = async () => {};
    expect(code).toBe('aborted');
    expect(message).toMatch(/Secret default\/busy; stop the clients that write them/);
    expect(readdirSync(directory.path).filter((name) => name !== 'archive')).toEqual([]);
  });

  test('leaves no file with a name while it runs', async () => {
    const place = directory.at('spool');
    mkdirSync(place);
    from.onList = async () => expect(readdirSync(place)).toEqual([]);
    await using _ = await Spool.fill(place, from.client, UNSEEN, NEVER);
    from.onList = async () => {};
  });
});

describe('an import', () => {
  const objects = ['a', 'b', 'c'].map((name) => stored(secretDraft(name, { x: name })));

  test('that was interrupted can be repeated', async () => {
    to.store = new MemoryStore();
    await imported(objects.slice(0, 2), REFUSE);
    expect((await imported(objects, REFUSE)).printed).toEqual(['secrets: 1 created, 2 unchanged']);
    expectSame(await to.contents(), objects);
  });

  test.each<[string, StoredObject, RegExp]>([
    ['an invalid name', stored(secretDraft('No_Name\u001b[2J')), /metadata\.name/],
    ['an invalid key', stored(secretDraft('d', { '../x': '' })), /data\[\.\.\/x\]/],
    ['too much data', stored(secretDraft('d', { x: Buffer.alloc(2 ** 20 + 1) })), /Too long/],
    [
      'an object twice',
      stored(secretDraft('a', { x: 'again' })),
      /Secret default\/a: occurs more than once in the archive/,
    ],
    ['a wrong spec', stored({ kind: 'ProjectedVolume', metadata: metadata('p'), spec: { hostPath: {} } }), /hostPath/],
  ])('of %s stores nothing at all', async (_what, hostile, message) => {
    to.store = new MemoryStore();
    const error = await rejectionOf(imported([...objects, hostile], { mode: 'overwrite', dryRun: false }));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(message);
    expect(await to.contents()).toEqual([]);
  });

  test('that meets another type of Secret names it and stores nothing', async () => {
    to.store = new MemoryStore();
    await to.put(secretDraft('b', { x: 'b' }, { type: 'example.com/other' }));
    const { code } = await rejectionOf(imported(objects, REFUSE));
    expect(code).toBe('failed-precondition');
    expect(await to.contents()).toHaveLength(1);
    const { printed, complaints } = await imported(objects, { mode: 'skip', dryRun: false });
    expect({ printed, complaints }).toEqual({ printed: ['secrets: 2 created, 1 skipped'], complaints: [] });
  });

  test('of a spec that is nested without end stores nothing, and does not end the process', async () => {
    const object = JSON.stringify({
      kind: 'ProjectedVolume',
      spec: 0,
      metadata: { ...stored(secretDraft('p')).metadata, labels: [], annotations: [] },
    });
    const spec = `${'{"projected":{"sources":['.repeat(200_000)}${']}}'.repeat(200_000)}`;
    const bytes = Buffer.from(object.replace('"spec":0', `"spec":${spec}`));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    const cipher = ArchiveCipher.seal(KEY);
    const plain = Buffer.concat([length, bytes]);
    const frames: Buffer[] = [];
    for (let start = 0; start < plain.length; start += FRAME_BYTES) {
      const end = start + FRAME_BYTES;
      frames.push(cipher.seal(plain.subarray(start, end), frames.length, end >= plain.length));
    }
    writeFileSync(directory.at('nested'), Buffer.concat([cipher.header, ...frames]));
    const file = await open(directory.at('nested'));
    const error = await rejectionOf(
      Archive.open(file, KEYS, 'import').then((archive) => checkArchive(archive, UNSEEN)),
    );
    await file.close();
    expect(error.message).toMatch(/ProjectedVolume default\/p: spec|damaged/);
  });

  test('of nothing says so', async () => {
    expect((await imported([], REFUSE)).printed).toEqual(['nothing to import']);
  });
});
