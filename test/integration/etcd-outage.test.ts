import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import type { ObjectRef } from '../../src/objects/object.ts';
import { openEtcdStore } from '../../src/stores/etcd/etcd-store.ts';
import { apply, EtcdScene, inTouch, outOfTouch, PATIENT } from '../support/etcd/etcd-scene.ts';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { Authority } from '../support/host/certificates.ts';
import { secretDraft } from '../support/objects/builders.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const DB: ObjectRef = { kind: 'Secret', namespace: 'default', name: 'db' };
const OTHER: ObjectRef = { ...DB, name: 'other' };

describe.runIf(isEtcdThere)('an etcd that fails (needs etcd)', () => {
  test('while it is away, what is followed is answered as it was, the rest is unavailable; it catches up', async () => {
    await using server = await EtcdServer.start();
    await using scene = await EtcdScene.on(server);
    const store = await scene.open();
    const object = await apply(store, secretDraft('db', { k: '1' }));
    const heard: string[] = [];
    using _ = store.follow(DB, ({ type }) => heard.push(type));
    await store.get(DB, PATIENT);
    const restarts = store.staleness.watchRestarts;
    const since = Date.now();
    await server.member.kill();
    await outOfTouch(store);
    expect(store.staleness.staleSince).toBeGreaterThanOrEqual(since);
    expect(await store.get(DB, PATIENT)).toEqual(object);
    const unknown = expect(store.get(OTHER, PATIENT)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^read Secret default\/other: .*--etcd-endpoints/),
    });
    const write = expect(apply(store, secretDraft('db', { k: '2' }))).rejects.toMatchObject({ code: 'unavailable' });
    await Promise.all([unknown, write]);

    server.member.start();
    await server.answering();
    await inTouch(store);
    expect(store.staleness.watchRestarts).toBe(restarts + 1);
    expect(heard).toEqual([]);
    await apply(await scene.open(), secretDraft('db', { k: '3' }));
    await vi.waitFor(() => expect(heard).toEqual(['modified']));
  });

  test('a store begun before its etcd is ready once that answers', async () => {
    await using server = await EtcdServer.start();
    await using scene = await EtcdScene.on(server);
    await server.member.kill();
    const store = scene.begin();
    const ready = store.ready(PATIENT);
    const given = new AbortController();
    const impatient = store.ready(given.signal);
    given.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    expect(store.staleness.problem).toBeDefined();
    server.member.start();
    await ready;
    await apply(store, secretDraft('db'));
  });

  test('restored from a snapshot it is another store: followers are told, and a watch has to list again', async () => {
    await using server = await EtcdServer.start();
    await using scene = await EtcdScene.on(server);
    const store = await scene.open();
    await apply(store, secretDraft('db', { k: 'old' }));
    const snapshot = server.directory.at('snapshot');
    expect(server.etcdctl(['snapshot', 'save', snapshot]).status).toBe(0);
    await apply(store, secretDraft('db', { k: 'new' }));
    await apply(store, secretDraft('other', { k: 'new' }));
    const { storeId, revision } = store;
    const heard: string[] = [];
    const following = [DB, OTHER].map((ref) => store.follow(ref, (change) => heard.push(`${change.type} ${ref.name}`)));
    for (const ref of [DB, OTHER]) await store.get(ref, PATIENT);
    const watch = store.watch({ from: revision }, PATIENT);
    await apply(store, secretDraft('third'));
    expect((await watch.next()).value).toMatchObject({ type: 'added' });
    const told = watch.next().catch((error: unknown) => error);

    await server.member.kill();
    restore(server, snapshot);
    server.member.start();
    await vi.waitFor(() => expect(heard.sort()).toEqual(['deleted other', 'modified db']), { timeout: 15_000 });
    expect(store.storeId).not.toBe(storeId);
    expect((await store.get(DB, PATIENT))?.metadata.resourceVersion).not.toBe(String(revision - 1));
    expect(await store.get(OTHER, PATIENT)).toBeUndefined();
    expect(await told).toMatchObject({ code: 'out-of-range', message: expect.stringContaining('list again') });
    // From here on it goes on as any store.
    await inTouch(store);
    await apply(store, secretDraft('other', { k: 'again' }));
    expect(heard.at(-1)).toBe('added other');
    for (const one of following) one[Symbol.dispose]();
  });

  test('a login is renewed when it expires; a wrong one says so, without the password', async () => {
    await using server = await EtcdServer.start({ args: ['--auth-token-ttl', '1'] });
    const asRoot = ['--user', 'root:r00t-p4ss'];
    server.requireLogin({ root: 'r00t-p4ss', lantern: 'l4ntern-p4ss' });
    await using scene = await EtcdScene.on(server);
    const login = { user: 'lantern', password: 'l4ntern-p4ss' };
    const prefix = '/lantern';
    const store = await scene.open({ prefix, identity: { tls: undefined, login } });
    await apply(store, secretDraft('db', { k: '1' }));
    const heard: string[] = [];
    using _ = store.follow(DB, ({ type }) => heard.push(type));
    await store.get(DB, PATIENT);
    // The token of the stream's own login is over by then: a new watch must not fail for it.
    await vi.waitFor(() => expect(server.etcdctl([...asRoot, 'get', '/lantern/none']).status).toBe(0));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    using _other = store.follow(OTHER, ({ type }) => heard.push(type));
    expect(await store.get(OTHER, PATIENT)).toBeUndefined();
    const second = await scene.open({ prefix, identity: { tls: undefined, login } });
    await apply(second, secretDraft('db', { k: '2' }));
    await apply(second, secretDraft('other', { k: '2' }));
    // Of two objects, each has its own watch: where a stream was set up again either may come first.
    await vi.waitFor(() => expect([...heard].sort()).toEqual(['added', 'modified']), { timeout: 10_000 });

    const lines: string[] = [];
    const log = createLog('trace', 'json', { write: (line) => void lines.push(line) });
    const wrong = { user: 'lantern', password: 'wr0ng-p4ss' };
    const stranger = scene.begin({ prefix, identity: { tls: undefined, login: wrong }, log });
    await vi.waitFor(() => expect(stranger.staleness.problem).toContain('--etcd-user and --etcd-password-file'));
    const nobody = scene.begin({ prefix, log });
    await vi.waitFor(() => expect(nobody.staleness.problem).toContain('--etcd-user'));
    const trespasser = scene.begin({ prefix: '/elsewhere', identity: { tls: undefined, login }, log });
    await vi.waitFor(() => expect(trespasser.staleness.problem).toContain('does not permit'));
    expect(lines.join('')).toContain('out of touch');
    expect(lines.join('')).not.toContain('p4ss');
  });

  test('over TLS, with client certificates; whoever is not trusted is told where to look', async () => {
    using files = new TempDir('/dev/shm');
    const authority = new Authority('etcd');
    const write = (name: string, contents: string) => {
      writeFileSync(files.at(name), contents);
      return files.at(name);
    };
    const ca = write('ca.pem', authority.cert);
    const identity = (name: string, issuer: Authority) => {
      const { cert, key } = issuer.issue(name);
      return { cert: write(`${name}.pem`, cert), key: write(`${name}.key`, key) };
    };
    const pair = identity('client', authority);
    await using server = await EtcdServer.start({ tls: { ...identity('server', authority), ca } });
    const keyFiles = [files.at('store.key')];
    await testKeys(...keyFiles);
    const location = { endpoints: server.endpoints, prefix: '/lantern', keyFiles, login: undefined, startSpreadMs: 0 };
    await using store = await openEtcdStore({ ...location, ca, pair });
    await store.ready(PATIENT);
    await apply(store, secretDraft('db', { k: '1' }));

    const stranger = new Authority('stranger');
    for (const [what, options] of [
      ['another authority', { ca: write('other.pem', stranger.cert), pair }],
      ['no certificate', { ca, pair: undefined }],
      ["somebody else's certificate", { ca, pair: identity('other', stranger) }],
    ] as const) {
      await using refused = await openEtcdStore({ ...location, ...options });
      await vi.waitFor(
        () => expect([what, refused.staleness.problem]).toEqual([what, expect.stringContaining('etcd-')]),
        {
          timeout: 15_000,
        },
      );
    }
  });
});

/** In place of what is there, under the same name and addresses, as an operator would. */
function restore(server: EtcdServer, snapshot: string): void {
  const { member, directory } = server;
  rmSync(directory.at(member.name), { recursive: true });
  const flags = ['name', 'data-dir', 'initial-cluster', 'initial-cluster-token', 'initial-advertise-peer-urls'];
  const args = flags.flatMap((name) => member.argument(`--${name}`));
  const { status } = spawnSync('etcdctl', ['snapshot', 'restore', snapshot, ...args], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  if (status !== 0) throw new Error('the snapshot could not be restored');
}
