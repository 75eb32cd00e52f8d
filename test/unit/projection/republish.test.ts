import { chmodSync, mkdirSync, rmdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import type { PublishRequest } from '../../../src/projection/projector.ts';
import { CachedSource, UnfollowedSource } from '../../../src/stores/change-detection.ts';
import type { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import type { Source } from '../../../src/stores/store.ts';
import { secretDraft, serviceAccountDraft } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld, type WorldOptions } from '../../support/projection/projection-world.ts';
import { nextStamp } from '../../support/volume/next-stamp.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const KEY = 'key';
const PERIOD = 60_000;
const APPLY = { createOnly: false, dryRun: false };
const SOURCES = [{ secret: { name: 'db' } }, { secret: { name: 'extra', optional: true } }];
const TOKEN = { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } };
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

/** A store that goes wrong as the test says. */
class FickleSource implements Source {
  readonly watchRestarts = 0;
  otherId: string | undefined;
  failure: Error | undefined;
  reads = 0;
  /** Reads wait for it. */
  gate: Promise<void> | undefined;
  staleSince: number | undefined;
  readonly problem = undefined;
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  get storeId(): string {
    return this.otherId ?? this.#store.storeId;
  }

  readonly onTouch = (): Disposable => ({ [Symbol.dispose]: () => {} });
  readonly ready: Source['ready'] = (signal) => this.#store.ready(signal);
  readonly follow: Source['follow'] = (ref, listener) => this.#store.follow(ref, listener);
  readonly revisionOf: Source['revisionOf'] = (key) => this.#store.revisionOf(key);
  readonly get: Source['get'] = async (ref, signal) => {
    if (this.failure !== undefined) throw this.failure;
    this.reads++;
    await this.gate;
    return this.#store.get(ref, signal);
  };
}

/** A volume of two Secrets, one of which is missing, and a token; published twice, so that its files were looked at. */
class Scene implements AsyncDisposable {
  readonly world: ProjectionWorld;
  readonly #overrides: Partial<PublishRequest>;
  #source: FickleSource | undefined;

  constructor(overrides: Partial<PublishRequest> = {}, options: WorldOptions = {}) {
    const facesOf = (store: MemoryStore) => {
      const source = new FickleSource(store);
      this.#source = source;
      // Nothing reports changes, so that each condition stands alone.
      return { source, background: new UnfollowedSource(source), staleness: source };
    };
    this.world = new ProjectionWorld({ syncPeriodMs: PERIOD, facesOf, ...options });
    this.#overrides = overrides;
    // The files' times lie behind the clock's, so a look counts at once.
    this.world.clock.advance(Date.now() + PERIOD - this.world.clock.now());
  }

  get source(): FickleSource {
    if (this.#source === undefined) throw new Error('it has another source');
    return this.#source;
  }

  publish(overrides: Partial<PublishRequest> = {}): Promise<unknown> {
    const definition = inline({ projected: { sources: [...SOURCES, TOKEN] } });
    return this.world.publish({ definition, requestKey: KEY, ...this.#overrides, ...overrides });
  }

  async start(): Promise<void> {
    await this.world.start();
    await this.world.apply('db', { user: 'admin', password: 'one' });
    await this.publish();
    await this.publish();
  }

  isRepeat(key = KEY): boolean {
    return this.world.projector.republish('v', key) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

const target = ({ world }: Scene) => world.target('t');

type Change = [title: string, change: (scene: Scene) => unknown, request?: Partial<PublishRequest>];

const CHANGES: readonly Change[] = [
  ['an update of the same contents', ({ world }) => world.projector.update(update(), NEVER)],
  [
    'a request for another target',
    (scene) => scene.publish({ target: scene.world.target('second'), requestKey: 'other' }),
  ],
  ['a request that differs', (scene) => scene.publish({ requestKey: 'other' })],
  ['a request that failed', (scene) => expect(scene.publish({ namespace: 'other' })).rejects.toThrow()],
  ['an unpublish of another target', ({ world }) => world.projector.unpublish(away(world.target('x')), NEVER)],
  ['an unpublish', ({ world }) => world.projector.unpublish(away(world.target('t')), NEVER)],
  ['the beginning of a refresh', ({ source, world }) => hang(source, world.projector.refresh('v', NEVER))],
  ['a restart', ({ world }) => world.restart({ keepStore: true })],
  ['a store that is out of touch', ({ source }) => Object.assign(source, { staleSince: 1 })],
  ['another store', ({ source }) => Object.assign(source, { otherId: 'other' })],
  ['a changed object', ({ world }) => world.store.apply(secretDraft('db', { user: 'x' }), APPLY, NEVER)],
  ['an optional object that appeared', ({ world }) => world.store.apply(secretDraft('extra'), APPLY, NEVER)],
  ['an object that is gone', ({ world }) => world.delete('db')],
  ['an account that changed', ({ world }) => world.store.apply(serviceAccountDraft('default'), APPLY, NEVER)],
  ['a token that is due', ({ world: { clock } }) => vi.spyOn(clock, 'now').mockReturnValue(clock.now() + 3_000_000)],
  ['another key set', ({ world }) => world.tokens.disowned.add('some')],
  [
    'a token of the request that expired',
    ({ world: { clock } }) => vi.spyOn(clock, 'now').mockReturnValue(clock.now() + 3_600_000),
    { inputs: { data: new Map(), tokens: new Map([['', { token: 't', expirationTimestamp: inAnHour() }]]) } },
  ],
  ['a refresh that waits', ({ world }) => void world.clock.advance(1.1 * PERIOD)],
  [
    'a refresh that failed',
    async ({ source, world }) => {
      source.failure = new LanternError('unavailable', 'away');
      await world.projector.refresh('v', NEVER);
      source.failure = undefined;
    },
  ],
  ['a changed mode of a file', ({ world }) => chmodSync(join(world.dataDirectory('v'), '..data/user'), 0o600)],
  ['a mount that others removed', (scene) => scene.world.mounter.unbindByOthers(target(scene))],
  ['a mount of others over it', (scene) => scene.world.mounter.bindByOthers(scene.world.target(''), target(scene))],
  ['a mount of the same files by others', ({ world }) => remount(world)],
  [
    'a link in place of the target',
    (scene) => {
      mkdirSync(scene.world.target('elsewhere'));
      rmdirSync(target(scene));
      symlinkSync(scene.world.target('elsewhere'), target(scene));
    },
  ],
  [
    'a changed file that a subPath shows',
    async ({ world }) => {
      const shown = join(world.dataDirectory('v'), world.projector.get('v')?.generation ?? '');
      await world.apply('db', { user: 'admin', password: 'two' });
      await world.projector.refresh('v', NEVER);
      await world.projector.refresh('v', NEVER);
      chmodSync(join(shown, 'user'), 0o600);
    },
    { subPath: 'user' as PublishRequest['subPath'] },
  ],
];

/** The call reads and gets no answer. */
async function hang(source: FickleSource, _: Promise<unknown>): Promise<void> {
  const before = source.reads;
  source.gate = new Promise(() => {});
  await vi.waitUntil(() => source.reads > before, { interval: 1 });
}

function update() {
  return { volumeId: volumeId('v'), definition: undefined, data: new Map() };
}

function away(path: string) {
  return { volumeId: volumeId('v'), target: path };
}

function remount(world: ProjectionWorld): void {
  world.mounter.unbindByOthers(world.target('t'));
  world.mounter.bindByOthers(world.dataDirectory('v'), world.target('t'));
}

it.each<Change>([...CHANGES])('after %s there is something to do', async (_, change, request) => {
  await using scene = new Scene(request);
  await scene.start();
  expect(scene.isRepeat('another')).toBe(false);
  expect([scene.isRepeat(), scene.isRepeat()]).toEqual([true, true]);
  await nextStamp(scene.world.target(''));
  await change(scene);
  expect(scene.isRepeat()).toBe(false);
});

it.each<[string, ConstructorParameters<typeof Scene>]>([
  ['objects that are read each time', [{}, { facesOf: (store) => unfollowed(new UnfollowedSource(store)) }]],
  [
    'objects that are cached',
    [{}, { facesOf: (store, clock) => unfollowed(new CachedSource(store, { clock, ttlMs: PERIOD }).newest) }],
  ],
  ['warnings', [{ definition: inline({ projected: { sources: [SOURCES[0], SOURCES[0]] } }) }]],
  ['no key', [{ requestKey: undefined }]],
])('with %s there always is something to do', async (_, options) => {
  await using scene = new Scene(...options);
  await scene.start();
  expect(scene.isRepeat()).toBe(false);
});

function unfollowed(source: Source) {
  return { source, background: source };
}

it('a refresh without a change, or after one, keeps the short way', async () => {
  await using scene = new Scene();
  await scene.start();
  await scene.world.store.apply(secretDraft('db', { user: 'x' }), APPLY, NEVER);
  await scene.world.projector.refresh('v', NEVER);
  await scene.world.projector.refresh('v', NEVER);
  expect(scene.isRepeat()).toBe(true);
  expect(scene.world.files()).toMatchObject({ user: 'x' });
});
