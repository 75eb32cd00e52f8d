import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ObjectRef, refOf, type StoredObject } from '../../src/objects/object.ts';
import type { EtcdStore } from '../../src/stores/etcd/etcd-store.ts';
import { MAX_READ_AT_ONCE } from '../../src/stores/etcd/records.ts';
import { EtcdStream } from '../../src/stores/etcd/stream.ts';
import type { ObjectChange } from '../../src/stores/store.ts';
import { callsOf } from '../support/etcd/etcd-members.ts';
import { EtcdProxy } from '../support/etcd/etcd-proxy.ts';
import { apply, EtcdScene, inTouch, outOfTouch, PATIENT } from '../support/etcd/etcd-scene.ts';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { secretDraft } from '../support/objects/builders.ts';

const DB: ObjectRef = { kind: 'Secret', namespace: 'default', name: 'db' };

const revisionOf = ({ metadata }: StoredObject) => Number(metadata.resourceVersion);

const text = (object: StoredObject | undefined, key = 'k') =>
  object?.kind === 'Secret' ? Buffer.from(object.data.get(key) ?? []).toString() : undefined;

describe.runIf(isEtcdThere)('etcd store (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    // Progress of watches comes ten times a second, not once in ten minutes.
    server = await EtcdServer.start({ args: ['--experimental-watch-progress-notify-interval', '100ms'] });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describe('watches', () => {
    test('cut as often as they connect, while 3,000 changes wait, they miss none and repeat none', async () => {
      await using scene = await EtcdScene.on(server);
      await using proxy = await EtcdProxy.before(server.member.clientUrl);
      const writer = await scene.open();
      const store = await scene.open({ endpoints: [proxy.url] });
      const from = revisionOf(await apply(writer, secretDraft('db', { k: 'first' })));
      const heard: number[] = [];
      using _ = store.follow(DB, ({ revision }) => heard.push(revision));
      await store.get(DB, PATIENT);
      const stop = new AbortController();
      // What "now" is to one store may be later than what another one writes.
      const events = store.watch({ kind: 'Secret', from }, stop.signal);
      const told: number[] = [];
      const watching = (async () => {
        for await (const { revision } of events) told.push(revision);
      })();
      const written = [revisionOf(await apply(writer, secretDraft('db', { k: 'second' })))];
      await vi.waitFor(() => expect([heard, told]).toEqual([written, written]));
      proxy.close();
      await outOfTouch(store);

      const key = `${scene.prefix}/objects/Secret/default/db`;
      const value = await scene.behind.get(key).buffer();
      for (let count = 0; count < 3_000; count += 100) {
        const puts = Array.from({ length: 100 }, () => scene.behind.put(key).value(value ?? ''));
        written.push(...(await Promise.all(puts)).map(({ header }) => Number(header.revision)));
      }
      written.sort((a, b) => a - b);
      // From before etcd's greeting to the midst of the changes.
      proxy.openCutting(1, 100, 400, 1_000, 5_000, 50_000);
      await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(3_001), { timeout: 25_000 });
      await vi.waitFor(() => expect(told.length).toBeGreaterThanOrEqual(3_001), { timeout: 25_000 });
      expect(proxy.hasCutAll).toBe(true);
      expect(heard).toEqual(written);
      expect(told).toEqual(written);
      stop.abort();
      await watching;
    });

    test('a quiet one that is cut, and compacted up to where etcd told of its progress, goes on without a list', async () => {
      await using scene = await EtcdScene.on(server);
      await using proxy = await EtcdProxy.before(server.member.clientUrl);
      const writer = await scene.open();
      const store = await scene.open({ endpoints: [proxy.url] });
      const from = revisionOf(await apply(writer, secretDraft('db', { k: 'old' })));
      const open = EtcdStream.open;
      let progress = 0;
      using spy = vi.spyOn(EtcdStream, 'open').mockImplementationOnce((client, hear) =>
        open(client, (message) => {
          hear(message);
          if (!message.created && message.events.length === 0) progress = Number(message.header.revision);
        }),
      );
      const stop = new AbortController();
      const events = store.watch({ kind: 'Secret', from }, stop.signal);
      const next = events.next();
      await vi.waitFor(() => expect(spy).toHaveBeenCalled());
      await scene.behind.put(`${scene.prefix}/elsewhere`).value('');
      const { header } = await scene.behind.put(`${scene.prefix}/elsewhere`).value('');
      await vi.waitFor(() => expect(progress).toBeGreaterThanOrEqual(Number(header.revision)), { timeout: 10_000 });
      proxy.close();
      await outOfTouch(store);
      const changed = revisionOf(await apply(writer, secretDraft('db', { k: 'new' })));
      await scene.behind.kv.compact({ revision: header.revision, physical: true });
      proxy.open();
      expect((await next).value).toMatchObject({ type: 'modified', revision: changed });
      stop.abort();
      await events.next();
    });

    test('compacted while cut off, what did not change is not read again, what did is told once', async () => {
      await using scene = await EtcdScene.on(server);
      await using proxy = await EtcdProxy.before(server.member.clientUrl);
      const writer = await scene.open();
      const large = await apply(writer, secretDraft('large', { k: randomBytes(400_000) }));
      for (const name of ['db', 'gone']) await apply(writer, secretDraft(name, { k: 'old' }));
      const store = await scene.open({ endpoints: [proxy.url] });
      const heard: ObjectChange[] = [];
      const refs = [refOf(large), DB, { ...DB, name: 'gone' }, { ...DB, name: 'new' }];
      const following = refs.map((ref) => store.follow(ref, (change) => heard.push(change)));
      for (const ref of refs) await store.get(ref, PATIENT);
      proxy.close();
      await outOfTouch(store);
      for (const value of ['1', '2', '3']) await apply(writer, secretDraft('db', { k: value }));
      await writer.delete({ ...DB, name: 'gone' }, undefined, PATIENT);
      await apply(writer, secretDraft('new', { k: 'here' }));
      await apply(writer, secretDraft('other'));
      await scene.behind.kv.compact({ revision: writer.revision, physical: true });

      const before = proxy.bytesToClients;
      proxy.open();
      await vi.waitFor(() => expect(heard.length).toBe(3), { timeout: 15_000 });
      await inTouch(store);
      expect(heard.map(({ ref, type }) => `${type} ${ref.name}`).sort()).toEqual([
        'added new',
        'deleted gone',
        'modified db',
      ]);
      expect(text(await store.get(DB, PATIENT))).toBe('3');
      expect(await store.get({ ...DB, name: 'gone' }, PATIENT)).toBeUndefined();
      expect(proxy.bytesToClients - before).toBeLessThan(100_000);
      await apply(writer, secretDraft('large', { k: 'small' }));
      await vi.waitFor(() => expect(heard.at(-1)?.ref.name).toBe('large'));
      for (const one of following) one[Symbol.dispose]();
    });

    test('one watch and one read for each object, however many follow it, 16 reads in a request; none when nobody does', async () => {
      await using scene = await EtcdScene.on(server);
      const writer = await scene.open();
      const names = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
      for (let from = 0; from < names.length; from += 50) {
        await Promise.all(names.slice(from, from + 50).map((name) => apply(writer, secretDraft(name, { k: name }))));
      }
      const store = await scene.open();
      const [reads, watches] = [await metric(server, RANGES), await metric(server, WATCHERS)];
      const requests = async () => (await callsOf(server, 'Range')) + (await callsOf(server, 'Txn'));
      const before = await requests();
      const following = [0, 1, 2].flatMap(() => names.map((name) => store.follow({ ...DB, name }, () => {})));
      const found = await Promise.all(names.map((name) => store.get({ ...DB, name }, PATIENT)));
      expect(found.map((object) => text(object))).toEqual(names);
      await vi.waitFor(async () => expect((await metric(server, WATCHERS)) - watches).toBe(1_000));
      expect((await metric(server, RANGES)) - reads).toBe(1_000);
      expect((await requests()) - before).toBe(Math.ceil(1_000 / MAX_READ_AT_ONCE));
      expect(store.followed).toBe(1_000);
      for (const one of following) one[Symbol.dispose]();
      expect(store.followed).toBe(0);
      await vi.waitFor(async () => expect(await metric(server, WATCHERS)).toBe(watches));
    });
  });

  describe('what lies in etcd', () => {
    test('is sealed: no value, label or annotation can be found there', async () => {
      await using scene = await EtcdScene.on(server);
      const store = await scene.open();
      const labels = new Map([['label-key', 'planted-label']]);
      const annotations = new Map([['note', 'planted-annotation']]);
      await apply(store, secretDraft('db', { 'planted-key': 'planted-value' }, { metadata: { labels, annotations } }));
      const { kvs } = await scene.behind.getAll().prefix(scene.prefix).exec();
      expect(kvs.map(({ key }) => key.toString()).sort()).toEqual([
        `${scene.prefix}/objects/Secret/default/db`,
        `${scene.prefix}/store-id`,
      ]);
      const all = Buffer.concat(kvs.flatMap(({ key, value }) => [key, value]));
      for (const planted of ['planted-', 'label-key', Buffer.from('planted-value').toString('base64')]) {
        expect(all.includes(planted)).toBe(false);
      }
      expect(text(await store.get(DB, PATIENT), 'planted-key')).toBe('planted-value');
    });

    test('a value that is damaged, or put in the place of another, costs that object only', async () => {
      await using scene = await EtcdScene.on(server);
      const store = await scene.open();
      for (const name of ['db', 'good']) await apply(store, secretDraft(name, { k: name }));
      const place = (name: string) => `${scene.prefix}/objects/Secret/default/${name}`;
      const heard: string[] = [];
      using _ = store.follow(DB, ({ type }) => heard.push(type));
      await store.get(DB, PATIENT);
      for (const bytes of [Buffer.from('rubbish'), await scene.behind.get(place('good')).buffer()]) {
        const told = heard.length;
        await scene.behind.put(place('db')).value(bytes ?? '');
        await vi.waitFor(() => expect(heard.length).toBe(told + 1));
        await expect(store.get(DB, PATIENT)).rejects.toMatchObject({
          code: 'data-loss',
          message: expect.stringContaining('Secret default/db'),
        });
        const { objects } = await store.list({ kind: 'Secret' }, PATIENT);
        expect(objects.map(({ metadata }) => metadata.name)).toEqual(['good']);
        await expect(apply(store, secretDraft('db'))).rejects.toMatchObject({ code: 'data-loss' });
      }
      await store.delete(DB, undefined, PATIENT);
      await apply(store, secretDraft('db', { k: 'again' }));
      expect(text(await store.get(DB, PATIENT))).toBe('again');
    });

    test('keys: the first seals, all open; without one its objects cannot be read, and the others can', async () => {
      await using scene = await EtcdScene.on(server);
      const [old, young] = [server.directory.at('old.key'), server.directory.at('young.key')];
      const before = await scene.open({ keys: await testKeys(old) });
      await apply(before, secretDraft('old', { k: 'old' }));
      const between = await scene.open({ keys: await testKeys(young, old) });
      await apply(between, secretDraft('young', { k: 'young' }));
      expect(text(await between.get({ ...DB, name: 'old' }, PATIENT))).toBe('old');
      expect(text(await before.get({ ...DB, name: 'old' }, PATIENT))).toBe('old');
      await expect(before.get({ ...DB, name: 'young' }, PATIENT)).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringContaining('add that one with --key-file'),
      });
      // What another key opens is not overwritten by accident.
      await expect(apply(before, secretDraft('young'))).rejects.toMatchObject({ code: 'failed-precondition' });
      await expect(before.delete({ ...DB, name: 'young' }, undefined, PATIENT)).rejects.toMatchObject({
        code: 'failed-precondition',
      });
      const stranger = scene.begin({ keys: await testKeys(young) });
      await vi.waitFor(() => expect(stranger.staleness.problem).toContain('is in none of the key files'));
    });

    test('what etcd would not take in one request is refused before it is sent; what it takes can be listed', async () => {
      await using scene = await EtcdScene.on(server);
      const store = await scene.open();
      await expect(apply(store, secretDraft('db', { k: randomBytes(1_300_000) }))).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringMatching(/Secret default\/db: encrypted it is \d+ bytes, and etcd takes 1572864/),
      });
      const names = Array.from({ length: 40 }, (_, index) => `s${index + 10}`);
      for (const name of names) await apply(store, secretDraft(name, { k: randomBytes(2 ** 20) }));
      const { objects, revision } = await store.list({ kind: 'Secret' }, PATIENT);
      expect(objects.map(({ metadata }) => metadata.name)).toEqual(names);
      expect(revision).toBe(Number(objects.at(-1)?.metadata.resourceVersion));
    });
  });

  test('of changes by many writers at once, none is lost', async () => {
    await using scene = await EtcdScene.on(server);
    const stores = await Promise.all([scene.open(), scene.open(), scene.open()]);
    const [first] = stores;
    const create = stores.map((store) =>
      store.apply(secretDraft('db', { k: '0' }), { createOnly: true, dryRun: false }, PATIENT),
    );
    expect((await Promise.allSettled(create)).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const add = async (store: EtcdStore): Promise<void> => {
      for (;;) {
        const object = await store.get(DB, PATIENT);
        const { resourceVersion } = object?.metadata ?? {};
        const k = String(Number(text(object)) + 1);
        const metadata = resourceVersion === undefined ? {} : { resourceVersion };
        try {
          await apply(store, secretDraft('db', { k }, { metadata }));
          return;
        } catch (error) {
          expect(error).toMatchObject({ code: 'aborted' });
        }
      }
    };
    await Promise.all(stores.flatMap((store) => Array.from({ length: 5 }, () => add(store))));
    expect(text(await first?.get(DB, PATIENT))).toBe('15');
  });
});

const RANGES = 'etcd_debugging_mvcc_range_total';
const WATCHERS = 'etcd_debugging_mvcc_watcher_total';

async function metric(server: EtcdServer, name: string): Promise<number> {
  const page = await (await fetch(`${server.member.clientUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
}
