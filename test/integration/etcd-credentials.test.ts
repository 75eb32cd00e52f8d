import { renameSync, writeFileSync } from 'node:fs';
import { Etcd3 } from 'etcd3';
import { describe, expect, test, vi } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import type { ObjectRef } from '../../src/objects/object.ts';
import { type EtcdStore, openEtcdStore } from '../../src/stores/etcd/etcd-store.ts';
import type { EtcdConfig } from '../../src/stores/etcd/identity.ts';
import { EtcdProxy } from '../support/etcd/etcd-proxy.ts';
import { apply, inTouch, outOfTouch, PATIENT } from '../support/etcd/etcd-scene.ts';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { Authority, type Identity } from '../support/host/certificates.ts';
import { secretDraft } from '../support/objects/builders.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const DB: ObjectRef = { kind: 'Secret', namespace: 'default', name: 'db' };
const OTHER: ObjectRef = { ...DB, name: 'other' };
const SOON = { timeout: 15_000, interval: 20 };

/** What daemons are given: files, which are replaced by rename while they are in use. */
class Files implements Disposable {
  readonly directory = new TempDir('/dev/shm');
  readonly lines: string[] = [];
  readonly log = createLog('info', 'json', { write: (line) => void this.lines.push(line) });

  replace(name: string, contents: string): string {
    const path = this.directory.at(name);
    writeFileSync(`${path}.new`, contents);
    renameSync(`${path}.new`, path);
    return path;
  }

  identity(name: string, { cert, key }: Identity): { readonly cert: string; readonly key: string } {
    return { cert: this.replace(`${name}.pem`, cert), key: this.replace(`${name}.key`, key) };
  }

  async open(config: Pick<EtcdConfig, 'endpoints' | 'ca' | 'pair' | 'login'>): Promise<EtcdStore> {
    const keyFiles = [this.directory.at('store.key')];
    await testKeys(...keyFiles);
    const store = await openEtcdStore({ ...config, prefix: '/lantern', keyFiles, startSpreadMs: 0, log: this.log });
    await store.ready(PATIENT);
    await inTouch(store);
    return store;
  }

  warnings(): readonly string[] {
    return this.lines.filter((line) => line.includes('stays in use'));
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }
}

/** Follows `db`, and tells what is heard of it. */
function hearing(store: EtcdStore): string[] {
  const heard: string[] = [];
  store.follow(DB, ({ type }) => heard.push(type));
  return heard;
}

describe.runIf(isEtcdThere)('what a daemon shows to etcd is replaced while it runs (needs etcd)', () => {
  test('another authority, then another certificate, then its key: each counts as soon as it can be used', async () => {
    using files = new Files();
    const [old, next] = [new Authority('old'), new Authority('next')];
    const ca = files.replace('ca.pem', old.cert);
    const pair = files.identity('client', old.issue('client'));
    const trusted = files.replace('trusted.pem', old.cert);
    await using server = await EtcdServer.start({
      tls: { ...files.identity('server', old.issue('server')), ca: trusted },
    });
    const login = undefined;
    await using store = await files.open({ endpoints: server.endpoints, ca, pair, login });
    await apply(store, secretDraft('db', { k: '1' }));
    const heard = hearing(store);
    await store.get(DB, PATIENT);

    // The server's first, as a new authority must be: nobody is trusted by anybody now.
    await server.member.kill();
    await outOfTouch(store);
    files.identity('server', next.issue('server'));
    files.replace('trusted.pem', next.cert);
    server.member.start();
    await vi.waitFor(() => expect(store.staleness.problem).toContain('--etcd-ca'), SOON);
    const renewed = next.issue('client');
    files.replace('ca.pem', next.cert);
    files.replace('client.pem', renewed.cert);
    // Its key is another's: the old pair stays in use, which this etcd does not trust.
    await vi.waitFor(() => expect(files.warnings()).not.toEqual([]), SOON);
    expect(store.staleness.staleSince).toBeDefined();
    files.replace('client.key', renewed.key);
    await inTouch(store);
    await apply(store, secretDraft('db', { k: '2' }));
    await vi.waitFor(() => expect(heard).toEqual(['modified']), SOON);

    expect(files.warnings()).toEqual([expect.stringMatching(/--etcd-cert .*--etcd-key .*do not belong together/)]);
    expect(files.lines.join('')).not.toContain('PRIVATE KEY');
  });

  test('a stream that is well goes on as it is; what is opened later shows the new certificate', async () => {
    using files = new Files();
    const authority = new Authority('etcd');
    const ca = files.replace('ca.pem', authority.cert);
    const pair = files.identity('client', authority.issue('client'));
    await using server = await EtcdServer.start({
      tls: { ...files.identity('server', authority.issue('server')), ca },
    });
    await using store = await files.open({ endpoints: server.endpoints, ca, pair, login: undefined });
    await apply(store, secretDraft('db', { k: '1' }));
    const heard = hearing(store);
    await store.get(DB, PATIENT);
    const restarts = store.staleness.watchRestarts;
    files.identity('client', authority.issue('client'));
    const stop = new AbortController();
    const watch = store.watch({}, stop.signal);
    const told = watch.next();
    await vi.waitFor(() => expect(files.lines.join('')).toContain('was renewed'), SOON);
    await apply(store, secretDraft('db', { k: '2' }));
    expect((await told).value?.object.metadata.name).toBe('db');
    await vi.waitFor(() => expect(heard).toEqual(['modified']), SOON);
    expect(store.staleness.watchRestarts).toBe(restarts);
    stop.abort();
    await watch.next();
  });

  test('a password is changed in etcd, then in its file', async () => {
    using files = new Files();
    await using server = await EtcdServer.start();
    await using proxy = await EtcdProxy.before(server.member.clientUrl);
    server.requireLogin({ root: 'r00t-p4ss', lantern: '0ld-p4ss' });
    const login = { user: 'lantern', passwordFile: files.replace('password', '0ld-p4ss\n') };
    await using store = await files.open({ endpoints: [proxy.url], ca: undefined, pair: undefined, login });
    await apply(store, secretDraft('db', { k: '1' }));
    const heard = hearing(store);
    await store.get(DB, PATIENT);

    const root = new Etcd3({ hosts: [...server.endpoints], auth: { username: 'root', password: 'r00t-p4ss' } });
    await root.user('lantern').setPassword('n3w-p4ss');
    root.close();
    await expect(store.get(OTHER, PATIENT)).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('--etcd-password-file'),
    });
    proxy.close();
    await outOfTouch(store);
    proxy.open();
    await vi.waitFor(() => expect(store.staleness.problem).toContain('--etcd-password-file'), SOON);
    files.replace('password', 'n3w-p4ss\n');
    await inTouch(store);
    expect(await store.get(OTHER, PATIENT)).toBeUndefined();
    await apply(store, secretDraft('db', { k: '2' }));
    await vi.waitFor(() => expect(heard).toEqual(['modified']), SOON);
    expect(files.lines.join('')).not.toContain('p4ss');
  });
});
