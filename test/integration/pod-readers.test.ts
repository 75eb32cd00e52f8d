import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { MountPodRequest } from '../../src/rpc/generated/lantern/v1/MountPodRequest.ts';
import { canDo, isRoot, looks, mayMount, type Who } from '../support/host/privileges.ts';
import { containerWith, podManifest } from '../support/objects/manifests.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';

const TOKEN = 'var/run/secrets/kubernetes.io/serviceaccount/token';
const DB = 'etc/db/password';

const APP = 40_001;
const SIDE = 40_002;
const GROUP = 40_100;
const STRANGER: Who = { uid: 40_009 };

class Scene implements AsyncDisposable {
  readonly #harness: DaemonHarness;
  readonly root: string;

  private constructor(harness: DaemonHarness) {
    this.#harness = harness;
    this.root = harness.target('web');
  }

  static async begin(publisher: string): Promise<Scene> {
    const harness = await DaemonHarness.start({ publisher });
    // What the root lies in is open to all.
    for (const path of [harness.directory.path, harness.target('')]) chmodSync(path, 0o755);
    await harness.applySecret('db', { password: 'pl4nted' });
    return new Scene(harness);
  }

  async mount(spec: object, request: MountPodRequest = {}) {
    const manifest = JSON.stringify(podManifest({ automountServiceAccountToken: true, ...spec }));
    return await this.#harness.client.projector.mountPod({ manifest, rootPath: this.root, ...request });
  }

  async unmount(): Promise<void> {
    await this.#harness.client.projector.unmountPod({ name: 'web' });
  }

  async restart(): Promise<void> {
    await this.#harness.restart();
  }

  at(path: string, container = 'app'): string {
    return `${this.root}/${container}/${path}`;
  }

  /** What the user can do: list the root, read the token, read a Secret's file of 0644. */
  rights(who: Who, container = 'app'): string {
    const can = {
      list: canDo(who, 'ls', this.root),
      token: canDo(who, 'cat', this.at(TOKEN, container)),
      secret: canDo(who, 'cat', this.at(DB, container)),
    };
    return Object.entries(can)
      .flatMap(([name, is]) => (is ? [name] : []))
      .join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
    await this.#harness[Symbol.asyncDispose]();
  }
}

const app = (securityContext?: object) => containerWith([{ name: 'db', mountPath: '/etc/db' }], { securityContext });
const side = (securityContext?: object) => ({ ...app(securityContext), name: 'side' });
const ALL = 'list token secret';
const publishers = ['direct', ...(mayMount ? ['bind'] : [])];

describe.runIf(isRoot).each(publishers)('who gets at a pod, publisher %s (needs root)', (publisher) => {
  it('of a pod that runs as one user, that user', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { runAsUser: APP } });
    expect(looks(scene.at(TOKEN))).toBe(`600 ${APP}:0`);
    expect(looks(scene.root)).toBe('750 0:0');
    expect([scene.rights({ uid: APP }), scene.rights(STRANGER)]).toEqual([ALL, '']);
    // The owning group gets nothing of what the group's bits show.
    expect(scene.rights({ ...STRANGER, gid: 0 })).toBe('');
    await scene.unmount();
    expect(() => statSync(scene.root)).toThrow('ENOENT');
  });

  it('with --open, everybody', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { runAsUser: APP } }, { open: true });
    expect([scene.root, scene.at(''), scene.at('etc'), scene.at(TOKEN)].map(looks)).toEqual([
      '755 0:0',
      '755 0:0',
      '755 0:0',
      '644 0:0',
    ]);
    expect([scene.rights({ uid: APP }), scene.rights(STRANGER)]).toEqual([ALL, ALL]);
  });

  it('with fsGroup, that group as well', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { runAsUser: APP, fsGroup: GROUP } });
    expect(looks(scene.at(TOKEN))).toBe(`640 ${APP}:${GROUP}`);
    const inGroup = { uid: SIDE, groups: [GROUP] };
    expect([scene.rights({ uid: APP }), scene.rights(inGroup), scene.rights(STRANGER)]).toEqual([ALL, ALL, '']);
  });

  it('of a pod with two users, each its own container; the token is for both', async () => {
    await using scene = await Scene.begin(publisher);
    const containers = [app({ runAsUser: APP }), side({ runAsUser: SIDE })];
    await scene.mount({ containers, securityContext: { runAsUser: 1 } });
    expect(looks(scene.at(TOKEN))).toBe('644 0:0');
    const rights = [APP, SIDE, STRANGER.uid].map((uid) => ['app', 'side'].map((name) => scene.rights({ uid }, name)));
    expect(rights).toEqual([
      [ALL, 'list'],
      ['list', ALL],
      ['', ''],
    ]);
  });

  it('an ephemeral container of another user makes the token one for both', async () => {
    await using scene = await Scene.begin(publisher);
    const ephemeralContainers = [{ name: 'debug', image: 'busybox', securityContext: { runAsUser: SIDE } }];
    await scene.mount({ ephemeralContainers, securityContext: { runAsUser: APP } });
    expect(looks(scene.at(TOKEN))).toBe('644 0:0');
  });

  it('where the user is not known, the group of runAsGroup or fsGroup, not a supplementary one; else root', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { supplementalGroups: [GROUP] } });
    expect(looks(scene.root)).toBe('700 0:0');
    expect(scene.rights({ uid: APP, groups: [GROUP] })).toBe('');
    await scene.mount({ securityContext: { runAsGroup: GROUP } });
    expect([scene.rights({ uid: APP, gid: GROUP }), scene.rights(STRANGER)]).toEqual([ALL, '']);
    expect(looks(scene.at(TOKEN))).toBe('644 0:0');
  });

  it('whoever the caller says instead of the manifest', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { runAsUser: APP } }, { runAsUser: SIDE });
    expect(looks(scene.at(TOKEN))).toBe(`600 ${SIDE}:0`);
    expect([scene.rights({ uid: APP }), scene.rights({ uid: SIDE })]).toEqual(['', ALL]);
  });

  it('another call, another user: token and directories follow, after a restart too', async () => {
    await using scene = await Scene.begin(publisher);
    await scene.mount({ securityContext: { runAsUser: APP } }, { open: true });
    await scene.mount({ securityContext: { runAsUser: APP } });
    expect([scene.rights({ uid: APP }), scene.rights(STRANGER)]).toEqual([ALL, '']);
    await scene.restart();
    expect([scene.rights({ uid: APP }), scene.rights(STRANGER)]).toEqual([ALL, '']);
    await scene.mount({ securityContext: { runAsUser: SIDE } });
    expect(looks(scene.at(TOKEN))).toBe(`600 ${SIDE}:0`);
    expect([scene.rights({ uid: APP }), scene.rights({ uid: SIDE })]).toEqual(['', ALL]);
    await scene.mount({ securityContext: { runAsUser: SIDE } }, { open: true });
    expect(scene.rights(STRANGER)).toBe(ALL);
  });

  it('a call that fails leaves those in who were', async () => {
    await using scene = await Scene.begin(publisher);
    const good = { securityContext: { runAsUser: APP } };
    await scene.mount(good);
    const containers = [app(), { ...side(), volumeMounts: [{ name: 'db', mountPath: '/x', subPath: 'none' }] }];
    await expect(scene.mount({ containers, securityContext: { runAsUser: SIDE } })).rejects.toThrow(/none/);
    expect(looks(scene.at(TOKEN))).toBe(`600 ${APP}:0`);
    expect([scene.rights({ uid: APP }), scene.rights({ uid: SIDE })]).toEqual([ALL, '']);
  });

  it('a directory that was there stays as it was; what is made in it is closed', async () => {
    await using scene = await Scene.begin(publisher);
    mkdirSync(scene.root);
    chmodSync(scene.root, 0o755);
    for (const _again of [1, 2]) {
      await scene.mount({ securityContext: { runAsUser: APP } });
      expect(looks(scene.root)).toBe('755 0:0');
      expect([scene.rights({ uid: APP }), scene.rights(STRANGER)]).toEqual([ALL, 'list']);
    }
    await scene.mount({ securityContext: { runAsUser: SIDE } });
    expect(scene.rights({ uid: APP })).toBe('list');
  });
});
