import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fallbackOnErrno, hasCode } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { Slices } from '../../src/base/steps.ts';
import { identifyPath } from '../../src/mount/linux/system-calls.ts';
import type { Publisher } from '../../src/mount/publisher.ts';
import type { ObjectRef } from '../../src/objects/object.ts';
import { EventLog } from '../../src/projection/events/event-log.ts';
import { Volumes } from '../../src/projection/volumes.ts';
import { nodeService } from '../../src/rpc/csi/node-service.ts';
import { parserHere } from '../../src/spec/parser/parse-tasks.ts';
import { MemoryStore } from '../../src/stores/kept/memory-store.ts';
import type { IssuedToken, TokenRequest } from '../../src/tokens/token-signer.ts';
import { volumeDirectoryName } from '../../src/volume/layout.ts';
import type { PublisherWorld } from '../contract/publisher-world.ts';
import { mayMount } from '../support/host/privileges.ts';
import { BindWorld } from '../support/mount/bind-world.ts';
import { DirectWorld } from '../support/mount/direct-world.ts';
import { configMapDraft, secretDraft } from '../support/objects/builders.ts';
import { CountingIssuer, NEVER } from '../support/projection/projection-world.ts';
import { nextStamp } from '../support/volume/next-stamp.ts';
import { volumeId } from '../support/volume/volume-content.ts';

// Random sequences of calls, changes, damages and restarts, against a model of one volume. After each call that is
// answered with OK, the files and mounts are what the model says, whichever way the answer took.

const TARGETS = ['a', 'b'] as const;
const HOUR_MS = 3_600_000;
/** A token of an hour is renewed after 80 % of it. */
const DUE_MS = 0.8 * HOUR_MS;
const A_YEAR_MS = 365 * 24 * HOUR_MS;

type Target = (typeof TARGETS)[number];
/** What a request asks for, besides its target. */
type Wanted = { readonly mode: number; readonly mine: string };
type Request = Wanted & { readonly target: Target };
type Objects = { db: string | undefined; app: string | undefined };

type Step =
  | ({ readonly do: 'publish' } & Request)
  | { readonly do: 'repeat' }
  | { readonly do: 'update'; readonly mine: string }
  | { readonly do: 'unpublish'; readonly target: Target }
  | { readonly do: 'change'; readonly name: keyof Objects; readonly value: string | undefined; readonly waits: boolean }
  | { readonly do: 'damage'; readonly which: number; readonly target: Target }
  | { readonly do: 'remove'; readonly target: Target }
  | { readonly do: 'cover'; readonly target: Target }
  | { readonly do: 'refresh' }
  | { readonly do: 'lose record' }
  | { readonly do: 'pass time'; readonly waits: boolean }
  | { readonly do: 'rotate keys' }
  | { readonly do: 'restart' }
  | { readonly do: 'together'; readonly steps: readonly Call[] };
type Call = Extract<Step, { do: 'publish' | 'repeat' | 'update' | 'unpublish' | 'change' }>;

const target = fc.constantFrom(...TARGETS);
const mine = fc.constantFrom('x', 'y');
const publish = fc.record({
  do: fc.constant('publish' as const),
  target,
  mode: fc.constantFrom(0o400, 0o444),
  mine,
});
const repeat = fc.constant({ do: 'repeat' } as const);
const update = fc.record({ do: fc.constant('update' as const), mine });
const unpublish = fc.record({ do: fc.constant('unpublish' as const), target });
const change = fc.record({
  do: fc.constant('change' as const),
  name: fc.constantFrom('db' as const, 'app' as const),
  value: fc.option(fc.constantFrom('one', 'two', 'three'), { nil: undefined, freq: 4 }),
  waits: fc.boolean(),
});
const call: fc.Arbitrary<Call> = fc.oneof(publish, repeat, repeat, update, unpublish, change);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: publish },
  { weight: 9, arbitrary: repeat },
  { weight: 2, arbitrary: update },
  { weight: 1, arbitrary: unpublish },
  { weight: 3, arbitrary: change },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('damage' as const), which: fc.nat({ max: 4 }), target }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), target }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cover' as const), target }) },
  { weight: 2, arbitrary: fc.constant({ do: 'refresh' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'lose record' } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass time' as const), waits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'rotate keys' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      steps: fc.array(call, { minLength: 2, maxLength: 4 }),
    }),
  },
);

const LOSE_DATA_LINK = (at: string) => fs.rmSync(join(at, '..data'), { force: true });

/** Others' changes to a directory that shows a volume. */
const DAMAGES: readonly ((directory: string) => void)[] = [
  (at) => {
    fs.chmodSync(join(at, '..data/password'), 0o600);
    fs.writeFileSync(join(at, '..data/password'), 'forged');
  },
  (at) => fs.chmodSync(join(at, '..data/mine'), 0o666),
  (at) => fs.rmSync(join(at, 'password'), { force: true }),
  LOSE_DATA_LINK,
  (at) => fs.writeFileSync(join(at, '..data/more'), 'x'),
];

class DatedIssuer extends CountingIssuer {
  readonly issuedAt = new Map<string, number>();

  override async issue(request: TokenRequest): Promise<IssuedToken> {
    const issued = await super.issue(request);
    this.issuedAt.set(issued.token, issued.issuedAt);
    return issued;
  }
}

class Life implements AsyncDisposable {
  /** Answers that took the short way, so that the test is not about nothing. */
  static shortWays = 0;
  readonly #world: BindWorld | DirectWorld;
  readonly #store: MemoryStore;
  readonly #issuer: DatedIssuer;
  #publisher!: Publisher;
  #volumes!: Volumes;
  // The model.
  readonly #objects: Objects = { db: undefined, app: undefined };
  #last: Request | undefined;
  /** Undefined while nothing is published, or if the record is lost. */
  #wanted: Wanted | undefined;
  /** What the files show, unless others damaged them: then nothing is known until the next publish. */
  #shown: Readonly<Record<string, string>> | undefined;
  /** Targets that the daemon knows, and those that others did not remove. */
  readonly #published = new Set<Target>();
  readonly #live = new Set<Target>();

  constructor(world: BindWorld | DirectWorld) {
    this.#world = world;
    // The times of files lie behind the clock's, so a look counts at once.
    world.clock.advance(Date.now() + HOUR_MS - world.clock.now());
    this.#store = new MemoryStore({ clock: world.clock });
    this.#issuer = new DatedIssuer(world.clock);
  }

  async begin(): Promise<void> {
    const { clock } = this.#world;
    this.#publisher = this.#world.start();
    this.#volumes = new Volumes({
      ...{ source: this.#store, background: this.#store, parser: parserHere, publisher: this.#publisher, clock },
      ...{ slices: new Slices(clock), log: silentLog, events: new EventLog({ clock }), tokens: this.#issuer },
      ...{ syncPeriodMs: A_YEAR_MS, budget: { bytes: 1024 * 1024, entries: 1_000 }, allocatable: new Map() },
      ...{ isolation: 'namespace', environmentNames: 'strict', staleness: undefined },
    });
    await this.#volumes.takeOver();
    await this.#volumes.start(NEVER);
    await this.#volumes.settled();
  }

  async end(): Promise<void> {
    await this.#volumes[Symbol.asyncDispose]();
    await this.#publisher[Symbol.asyncDispose]();
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'publish':
        return await this.#publish(step);
      case 'repeat':
        // The first one after a change looks at the files; only those that follow can be short.
        for (let times = 0; times < 3 && this.#last !== undefined; times++) await this.#publish(this.#last);
        return;
      case 'update':
        return await this.#update(step.mine);
      case 'unpublish':
        await this.#send(step);
        this.#forget(step.target);
        break;
      case 'change':
        await this.#send(step);
        if (!step.waits) return;
        break;
      case 'damage':
        await this.#damage(step.target, DAMAGES[step.which] ?? (() => {}));
        break;
      case 'remove':
        this.#remove(step.target);
        break;
      case 'cover':
        return await this.#cover(step.target);
      case 'refresh':
        // A look at the files that is nobody's publish.
        await this.#volumes.refreshAfter('', Number.POSITIVE_INFINITY, NEVER);
        break;
      case 'lose record':
        fs.rmSync(this.#record, { force: true });
        break;
      case 'pass time':
        this.#world.clock.advance(50 * 60_000);
        if (!step.waits) return;
        break;
      case 'rotate keys':
        for (const token of this.#issuer.issuedAt.keys()) this.#issuer.disowned.add(token);
        break;
      case 'restart':
        await this.#restart();
        break;
      case 'together':
        await this.#takeTogether(step.steps);
    }
    await this.#settle();
    this.#check();
  }

  async #publish(request: Request): Promise<void> {
    const mayFollow = this.#wanted === undefined || this.#published.has(request.target);
    const isAgreed = mayFollow || this.#wanted?.mine === request.mine;
    const isPossible = this.#objects.db !== undefined && isAgreed;
    const error = await this.#send({ do: 'publish', ...request });
    if (isPossible) {
      expect(error).toBeUndefined();
      this.#accept(request);
      // Before anything in the background comes to help.
      this.#check();
      this.#checkToken();
    } else expect(hasCode(error, 'failed-precondition')).toBe(true);
    await this.#settle();
    this.#check();
  }

  #accept({ target, mode, mine }: Request): void {
    this.#last = { target, mode, mine };
    this.#wanted = { mode, mine };
    this.#published.add(target);
    this.#live.add(target);
    this.#shown = this.#rendered(this.#wanted);
  }

  async #update(mine: string): Promise<void> {
    const isPossible = this.#wanted !== undefined && this.#objects.db !== undefined;
    const error = await this.#send({ do: 'update', mine });
    expect(error === undefined).toBe(isPossible);
    if (isPossible && this.#wanted !== undefined) {
      this.#wanted = { ...this.#wanted, mine };
      if (this.#shown !== undefined) this.#shown = this.#rendered(this.#wanted);
      this.#check();
    }
    await this.#settle();
    this.#check();
  }

  /** Any order is right. The state that follows is one that some order leads to. */
  async #takeTogether(steps: readonly Call[]): Promise<void> {
    const isDamaged = this.#shown === undefined && this.#published.size > 0;
    const last = this.#last;
    const calls = steps.map((each) =>
      each.do === 'repeat' && last !== undefined ? { do: 'publish' as const, ...last } : each,
    );
    const errors = await Promise.all(calls.map((each) => this.#send(each)));
    for (const error of errors) {
      if (error !== undefined && !hasCode(error, 'failed-precondition')) expect(hasCode(error, 'not-found')).toBe(true);
    }
    await this.#volumes.settled();
    const status = this.#volumes.get('v');
    const above = this.#at('a').slice(0, -1);
    const known = new Set(status?.publications.map(({ target }) => target.slice(above.length)));
    for (const name of TARGETS) {
      if (!known.has(name)) this.#forget(name);
      else this.#published.add(name);
      const isMeant = calls.some((each) => each.do === 'publish' && each.target === name);
      if (known.has(name) && isMeant && this.#isThere(name)) this.#live.add(name);
    }
    if (this.#wanted === undefined) this.#shown = undefined;
    const look = () => [...this.#live].map((name) => this.#filesAt(name))[0];
    // Links that others left may lead nowhere.
    const shown = isDamaged ? fallbackOnErrno(look, undefined) : look();
    const candidates = [this.#wanted, ...calls.flatMap((each) => (each.do === 'publish' ? [each] : []))].flatMap(
      (each) => each ?? [],
    );
    const updates = calls.flatMap((each) => (each.do === 'update' ? [each.mine] : []));
    const all = candidates.flatMap(({ mode, mine: own }) => [own, ...updates].map((mine) => ({ mode, mine })));
    const match = all.find((each) => JSON.stringify(this.#rendered(each)) === JSON.stringify(shown));
    if (known.size === 0) return;
    if (shown !== undefined && this.#objects.db !== undefined && this.#shown !== undefined) expect(match).toBeDefined();
    if (match !== undefined) {
      this.#wanted = match;
      // An update to equal contents repairs nothing.
      if (!isDamaged) this.#shown = shown;
    } else if (calls.some((each) => each.do === 'publish' || each.do === 'update')) {
      // Files that others removed or damaged do not tell which call was the last: begin anew.
      for (const name of TARGETS) {
        await this.#send({ do: 'unpublish', target: name });
        this.#forget(name);
      }
    }
  }

  async #send(each: Call): Promise<unknown> {
    try {
      switch (each.do) {
        case 'publish':
          await this.#node.nodePublishVolume(this.#wire(each), NEVER);
          break;
        case 'repeat':
          break;
        case 'update': {
          const data = new Map([['mine', Buffer.from(each.mine)]]);
          await this.#volumes.update({ volumeId: volumeId('v'), definition: undefined, data }, NEVER);
          break;
        }
        case 'unpublish':
          await this.#node.nodeUnpublishVolume({ volumeId: 'v', targetPath: this.#at(each.target) }, NEVER);
          break;
        case 'change':
          await this.#change(each.name, each.value);
      }
      return undefined;
    } catch (error) {
      return error;
    }
  }

  get #node() {
    const volumes = this.#volumes;
    const projector = new Proxy(volumes, {
      get: (_, name: keyof Volumes) => {
        if (name !== 'republish')
          return typeof volumes[name] === 'function' ? volumes[name].bind(volumes) : volumes[name];
        return (id: string, key: string) => {
          const published = volumes.republish(id, key);
          if (published !== undefined) Life.shortWays++;
          return published;
        };
      },
    });
    return nodeService({ projector, nodeId: 'n', canChangeOwners: false, host: 'generic' });
  }

  #wire({ target, mode, mine }: Request) {
    const sources = [
      { secret: { name: 'db' } },
      { configMap: { name: 'app', optional: true } },
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { request: {} },
    ];
    const entries = Object.entries({
      spec: JSON.stringify({ projected: { sources, defaultMode: mode } }),
      namespace: 'default',
    });
    return {
      volumeId: 'v',
      targetPath: this.#at(target),
      stagingTargetPath: '',
      publishContext: {},
      readonly: true,
      volumeCapability: {
        accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const },
        mount: { fsType: '', mountFlags: [], volumeMountGroup: '' },
        block: null,
      },
      // As from a client that shuffles maps.
      volumeContext: Object.fromEntries(Life.shortWays % 2 === 0 ? entries : entries.reverse()),
      secrets: { mine },
    };
  }

  async #change(name: keyof Objects, value: string | undefined): Promise<void> {
    const ref: ObjectRef = { kind: name === 'db' ? 'Secret' : 'ConfigMap', namespace: 'default', name };
    this.#objects[name] = value;
    if (value === undefined) {
      await this.#store.delete(ref, undefined, NEVER);
      return;
    }
    const draft = name === 'db' ? secretDraft(name, { password: value }) : configMapDraft(name, { motd: value });
    await this.#store.apply(draft, { createOnly: false, dryRun: false }, NEVER);
  }

  /** A change in the background reaches the files, unless something is missing. */
  async #settle(): Promise<void> {
    await this.#volumes.settled();
    if (this.#wanted === undefined || this.#objects.db === undefined || this.#shown === undefined) return;
    this.#shown = this.#rendered(this.#wanted);
  }

  async #damage(name: Target, damage: (directory: string) => void): Promise<void> {
    if (!this.#live.has(name)) return;
    // A start takes a target without it for one whose removal had begun.
    if (damage === LOSE_DATA_LINK && !(this.#world instanceof BindWorld)) return;
    const directory = this.#world instanceof BindWorld ? join(this.#record, '../data') : this.#at(name);
    await nextStamp(this.#world.targets);
    try {
      damage(directory);
    } catch (error) {
      // Another damage was first.
      expect(error).toMatchObject({ code: 'ENOENT' });
    }
    this.#shown = undefined;
  }

  /** By somebody else. */
  #remove(name: Target): void {
    if (!this.#live.delete(name)) return;
    if (this.#world instanceof BindWorld) execFileSync('umount', [this.#at(name)]);
    else fs.rmSync(this.#at(name), { recursive: true });
  }

  /** With a mount of others over it, a publish must fail, whatever it repeats. */
  async #cover(name: Target): Promise<void> {
    if (!(this.#world instanceof BindWorld) || !this.#live.has(name) || this.#last?.target !== name) return;
    execFileSync('mount', ['-t', 'tmpfs', 'lantern-test', this.#at(name)]);
    const error = await this.#send({ do: 'publish', ...this.#last });
    execFileSync('umount', [this.#at(name)]);
    expect(hasCode(error, 'failed-precondition')).toBe(true);
    // What it rendered before it failed is taken back.
    await this.#settle();
    this.#shown = undefined;
  }

  async #restart(): Promise<void> {
    await this.end();
    const isLost = !fs.existsSync(this.#record);
    for (const name of TARGETS) if (!this.#live.has(name)) this.#forget(name);
    if (isLost && this.#published.size > 0) this.#wanted = this.#shown = undefined;
    await this.begin();
  }

  #forget(name: Target): void {
    this.#published.delete(name);
    this.#live.delete(name);
    if (this.#published.size === 0) this.#wanted = this.#shown = undefined;
  }

  #check(): void {
    for (const name of TARGETS) {
      expect([name, this.#isThere(name)]).toEqual([name, this.#live.has(name)]);
      if (this.#live.has(name) && this.#shown !== undefined) expect(this.#filesAt(name)).toEqual(this.#shown);
    }
  }

  #checkToken(): void {
    const token = fs.readFileSync(join(this.#at(this.#last?.target ?? 'a'), 'token'), 'utf8');
    expect(this.#issuer.disowned.has(token)).toBe(false);
    expect(this.#world.clock.now() - (this.#issuer.issuedAt.get(token) ?? 0)).toBeLessThanOrEqual(DUE_MS);
  }

  /** Bytes and modes by visible name; tokens have their own check. */
  #filesAt(name: Target): Readonly<Record<string, string>> {
    const at = this.#at(name);
    const names = fs.readdirSync(at).filter((entry) => !entry.startsWith('..'));
    return Object.fromEntries(
      names.sort().map((entry) => {
        const bytes = entry === 'token' ? 'a token' : fs.readFileSync(join(at, entry), 'utf8');
        return [entry, `${(fs.statSync(join(at, entry)).mode & 0o777).toString(8)} ${bytes}`];
      }),
    );
  }

  #rendered({ mode, mine }: Wanted): Readonly<Record<string, string>> {
    const { db, app } = this.#objects;
    const of = (text: string | undefined) => `${mode.toString(8)} ${text}`;
    const motd = app === undefined ? {} : { motd: of(app) };
    return { mine: of(mine), ...motd, password: of(db), token: of('a token') };
  }

  #isThere(name: Target): boolean {
    if (!(this.#world instanceof BindWorld)) return fs.existsSync(this.#at(name));
    return fallbackOnErrno(() => identifyPath(this.#at(name)).isMountRoot, false);
  }

  #at(name: Target): string {
    return join(this.#world.targets, name);
  }

  get #record(): string {
    const directoryName = volumeDirectoryName('v');
    const isBind = this.#world instanceof BindWorld;
    if (isBind && this.#published.size === 0) return join(this.#world.targets, 'none');
    return this.#world.recordFile({ directoryName } as Parameters<PublisherWorld['recordFile']>[0]);
  }

  /** However often a volume was published, a target has one mount. */
  checkMounts(): void {
    if (!(this.#world instanceof BindWorld)) return;
    const points = this.#world.fixture.mounts().map(({ mountPoint }) => mountPoint);
    for (const name of this.#live) expect(points.filter((point) => point === this.#at(name))).toHaveLength(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#volumes.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
    await this.end();
    this.#world[Symbol.dispose]();
  }
}

async function live(world: BindWorld | DirectWorld, steps: readonly Step[]): Promise<void> {
  await using life = new Life(world);
  await life.begin();
  await life.take({ do: 'change', name: 'db', value: 'one', waits: true });
  for (const each of steps) await life.take(each);
  life.checkMounts();
}

describe.each<[string, boolean, number, () => BindWorld | DirectWorld]>([
  ['bind (needs root)', mayMount, 15, () => new BindWorld()],
  ['direct', true, 40, () => new DirectWorld()],
])('%s', (_, isPossible, numRuns, createWorld) => {
  test.runIf(isPossible)(
    'whatever happens to a volume, an answered publish left what was asked for',
    async () => {
      Life.shortWays = 0;
      const steps = fc.array(step, { minLength: 10, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(steps, (each) => live(createWorld(), each)),
        { numRuns },
      );
      expect(Life.shortWays).toBeGreaterThan(numRuns);
    },
    180_000,
  );
});
