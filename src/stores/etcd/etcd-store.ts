import type { IKeyValue, IRangeResponse } from 'etcd3';
import { abortable, type Clock, systemClock, withDeadline } from '../../base/clock.ts';
import { hasCode, LanternError } from '../../base/errors.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../../objects/object.ts';
import { byNamespaceAndName, DEFAULT_HISTORY, unfilled } from '../kept/kept-store.ts';
import { applicationOf, requireVersion } from '../kept/next-state.ts';
import { type KeyRing, readKeyRing } from '../sealed/key-file.ts';
import type {
  Applied,
  ApplyOptions,
  ListFilter,
  ObjectChange,
  ObjectEvent,
  ObjectList,
  Staleness,
  Store,
  WatchFilter,
} from '../store.ts';
import { EtcdClient, nextPageOf } from './client.ts';
import { EtcdElection } from './election.ts';
import { EtcdFollows } from './follows.ts';
import { EtcdHistory } from './history.ts';
import { type EtcdConfig, type EtcdIdentity, EtcdIdentityFiles } from './identity.ts';
import { EtcdRecords, type EtcdState } from './records.ts';
import { EtcdSeen } from './seen.ts';
import { EtcdSession, type EtcdSessionOptions } from './session.ts';
import { type EtcdWatchOptions, type WatchStart, watchObjects } from './watch.ts';

export type EtcdStoreOptions = Partial<Pick<EtcdSessionOptions, 'seen' | 'startSpreadMs'>> & {
  /** The members' URLs, http or https; never empty. */
  readonly endpoints: readonly string[];
  /** The prefix of all keys, e.g. `/lantern`. */
  readonly prefix: string;
  readonly identity: EtcdIdentity;
  /** See `EtcdClient`. Default: the identity never changes. */
  readonly renewIdentity?: () => Promise<EtcdIdentity>;
  readonly keys: KeyRing;
  readonly clock?: Clock;
  readonly log?: Log;
  /** False for a store that is filled first: absence is unknown until `markReady()`. Default: true. */
  readonly ready?: boolean;
  /** Number of events that a watch's reader may fall behind. Default: 10,000. */
  readonly watchEvents?: number;
};

/** How long a call waits for the first contact, in milliseconds. */
const FIRST_CONTACT_MS = 8_000;
/** Others may write in between, but not this often in a row. */
const MAX_ATTEMPTS = 20;

/**
 * Encrypted objects in an etcd that many daemons share. Followed objects are kept in memory, even while etcd is away;
 * others are read on each request. etcd's compaction limits how far a watch can go back.
 */
export class EtcdStore implements Store, AsyncDisposable {
  readonly #prefix: string;
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #history: EtcdHistory;
  readonly #records: EtcdRecords;
  readonly #follows: EtcdFollows;
  readonly #session: EtcdSession;
  readonly #watching: EtcdWatchOptions;
  /** Watches of future changes whose start revision is not known yet. This process's writes wait for it. */
  readonly #starting = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #filled: Promise<void>;
  #isFilled = false;
  #resolveFilled: () => void = () => {};

  constructor(options: EtcdStoreOptions) {
    const { clock = systemClock, log = silentLog, keys, prefix, startSpreadMs = 0, seen } = options;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#log = log;
    this.#client = new EtcdClient(options.endpoints, options.identity, clock, options.renewIdentity);
    this.#history = new EtcdHistory(() => {
      this.#follows.forgetAll();
      this.#session.restart();
    }, seen?.before);
    this.#records = new EtcdRecords({ client: this.#client, history: this.#history, keys, prefix });
    this.#follows = new EtcdFollows(this.#records, (what, signal) => this.#touched(what, signal), clock);
    this.#session = new EtcdSession({
      records: this.#records,
      follows: this.#follows,
      keys,
      prefix,
      clock,
      log,
      startSpreadMs,
      seen,
    });
    const { events, bytes } = DEFAULT_HISTORY;
    this.#watching = {
      records: this.#records,
      clock,
      log,
      maxEvents: options.watchEvents ?? events,
      maxBytes: bytes,
      closing: this.#closing.signal,
    };
    this.#filled = new Promise((resolve) => {
      this.#resolveFilled = resolve;
    });
    if (options.ready ?? true) this.markReady();
  }

  /** Connects to etcd in the background, for as long as it takes. */
  start(): void {
    this.#session.start();
  }

  /** Known once the store is ready; changes when etcd was restored from a snapshot or replaced. */
  get storeId(): string {
    return this.#history.storeId;
  }

  /** The newest revision that this process knows. */
  get revision(): number {
    return this.#history.revision;
  }

  get staleness(): Staleness {
    return this.#session;
  }

  /** Number of followed objects, which are in memory. */
  get followed(): number {
    return this.#follows.size;
  }

  /** Runs work that one daemon does for all, such as scanning all objects, once the store is ready. */
  oneForAll(name: string, begin: () => AsyncDisposable): EtcdElection {
    const key = `${this.#prefix}/elections/${name}`;
    const election = new EtcdElection({ client: this.#client, key, begin, clock: this.#clock, log: this.#log });
    election.start();
    return election;
  }

  /** From now on, a missing object does not exist. A repeat does nothing. */
  markReady(): void {
    this.#isFilled = true;
    this.#resolveFilled();
  }

  /** Resolves at the first contact with etcd, even if the store is not filled. */
  connected(signal: AbortSignal): Promise<void> {
    return this.#session.connected(signal);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.connected(signal);
    await this.#filled;
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const followed = this.#follows.get(ref);
    if (followed !== undefined && followed.state === undefined) await this.#follows.stateOf(followed, signal);
    const object = followed?.state === undefined ? openedOf(await this.#read(ref, 'read', signal)) : followed.object;
    if (object === undefined && !this.#isFilled) throw unfilled(`read ${describeRef(ref)}`);
    return object;
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#follows.follow(ref, listener);
  }

  revisionOf(key: string): number | null | undefined {
    const state = this.#follows.stateAt(key);
    if (state === undefined || state.problem !== undefined) return undefined;
    if (state.object !== undefined) return Number(state.object.metadata.resourceVersion);
    return this.#isFilled ? null : undefined;
  }

  async apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    const ref = refOf(draft);
    await this.#mayWrite(ref, signal);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { epoch } = this.#history;
      const state = await this.#read(ref, 'apply', signal);
      const moment = { revision: state.revision + 1, now: this.#clock.now() };
      const { applied, event } = applicationOf(openedOf(state), draft, options, moment);
      if (event === undefined) return applied;
      const { value, kept } = this.#records.sealed(applied.object);
      const revision = await this.#records.replace(ref, state.changedAt, value, signal);
      if (revision === undefined) continue;
      const object = { ...kept, metadata: { ...kept.metadata, resourceVersion: String(revision) } };
      this.#follows.wrote(ref, { revision, changedAt: revision, object, problem: undefined }, event.type, epoch);
      return { ...applied, object };
    }
    throw contended('apply', ref);
  }

  async delete(
    ref: ObjectRef,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    await this.#mayWrite(ref, signal);
    let tried: StoredObject | undefined;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { epoch } = this.#history;
      const state = await this.#read(ref, 'delete', signal);
      // An attempt without an answer was carried out after all.
      if (state.changedAt === 0 && tried !== undefined) return tried;
      // Damaged values can be deleted; a value under an unknown key may be somebody's.
      const object = state.problem?.code === 'data-loss' ? undefined : openedOf(state);
      requireVersion('delete', ref, object, resourceVersion);
      if (state.changedAt === 0) return undefined;
      tried = object;
      const revision = await this.#records.replace(ref, state.changedAt, undefined, signal);
      if (revision === undefined) continue;
      this.#follows.wrote(ref, { revision, changedAt: 0, object: undefined, problem: undefined }, 'deleted', epoch);
      return object;
    }
    throw contended('delete', ref);
  }

  async list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList> {
    const what = `list objects of kind ${filter.kind}`;
    await this.#touched(what, signal);
    if (!this.#isFilled) throw unfilled(what);
    return await listObjects(this.#records, filter, this.#log, signal);
  }

  watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    const start = this.#startOf(filter.from, signal);
    const settled = start.catch(() => {}).finally(() => this.#starting.delete(settled));
    this.#starting.add(settled);
    return watchObjects(this.#watching, filter, start, signal);
  }

  /** Stops watching. A repeat does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#session[Symbol.asyncDispose]();
    this.#follows[Symbol.dispose]();
    this.#client[Symbol.dispose]();
  }

  /** Where a watch begins: the store's state at the call. */
  async #startOf(from: number | undefined, signal: AbortSignal): Promise<WatchStart> {
    const what = 'watch objects';
    await this.#touched(what, signal);
    const { epoch } = this.#history;
    const revision = await this.#records.head(what, signal);
    if (from !== undefined && from > revision) {
      throw new LanternError(
        'out-of-range',
        `watch objects from revision ${from}: this store is at ${revision}; list again and watch from there`,
      );
    }
    return { revision: from ?? revision, epoch };
  }

  /** A watch or follower requested before a write must see it, so its start must be known first. */
  async #mayWrite(ref: ObjectRef, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await abortable(Promise.allSettled([...this.#starting, this.#follows.get(ref)?.reading]), signal);
  }

  async #read(ref: ObjectRef, verb: string, signal: AbortSignal): Promise<EtcdState> {
    await this.#touched(`${verb} ${describeRef(ref)}`, signal);
    return await this.#records.read(ref, signal);
  }

  /** Before the first contact it is unknown if this is the store that the keys are for. */
  async #touched(what: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const late = () =>
      new LanternError('unavailable', `${what}: ${this.#session.problem ?? 'etcd has not answered yet'}`);
    await withDeadline({ clock: this.#clock, ms: FIRST_CONTACT_MS, late }, signal, (bounded) =>
      this.connected(bounded),
    );
  }
}

function openedOf({ object, problem }: EtcdState): StoredObject | undefined {
  if (problem !== undefined) throw problem;
  return object;
}

function contended(verb: string, ref: ObjectRef): LanternError {
  return new LanternError('aborted', `${verb} ${describeRef(ref)}: others change it all the time; try again`);
}

type EtcdLocation = EtcdConfig &
  Pick<EtcdStoreOptions, 'clock' | 'log' | 'ready'> & {
    /** The first one seals; all of them open. All daemons of a store share them. */
    readonly keyFiles: readonly string[];
    /** See `EtcdSeen`. Default: nothing is kept. */
    readonly seenFile?: string;
  };

/**
 * Connects in the background; only files are read here. `failed-precondition` if a key file is missing or open to
 * others: daemons share keys, so none is created. Other errors as `readIdentity`.
 */
export async function openEtcdStore({ keyFiles, seenFile, ...location }: EtcdLocation): Promise<EtcdStore> {
  const { clock = systemClock, log = silentLog } = location;
  const keys = await readKeyRing(keyFiles);
  const files = await EtcdIdentityFiles.open(location, log);
  const seen = seenFile === undefined ? undefined : await EtcdSeen.open({ path: seenFile, clock, log });
  const store = new EtcdStore({
    ...location,
    keys,
    identity: files.current,
    renewIdentity: () => files.renewed(),
    seen,
  });
  store.start();
  return store;
}

/** Objects per request: few at first, because each may hold a megabyte, then as their sizes allow. */
const FIRST_PAGE = 16;
const MAX_PER_PAGE = 1_000;
const PAGE_BYTES = 4 * 1024 * 1024;
/** A compaction during a list restarts it. */
const MAX_LISTINGS = 5;

/** `Store.list`, all at one revision. Objects that cannot be decrypted are logged and left out. */
async function listObjects(
  records: EtcdRecords,
  filter: ListFilter,
  log: Log,
  signal: AbortSignal,
): Promise<ObjectList> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(records, filter, log, signal);
    } catch (error) {
      const isCompacted = hasCode(error, 'out-of-range');
      if (!isCompacted || attempt === MAX_LISTINGS) throw error;
    }
  }
}

async function listOnce(records: EtcdRecords, filter: ListFilter, log: Log, signal: AbortSignal): Promise<ObjectList> {
  const objects: StoredObject[] = [];
  const range = records.rangeOf(filter);
  let revision = 0;
  let limit = FIRST_PAGE;
  for (let key: Buffer | undefined = range.key; key !== undefined; ) {
    const page = await readPage(records, { ...range, key, revision, limit }, filter, signal);
    if (page === undefined) {
      limit = Math.max(1, Math.floor(limit / 4));
      continue;
    }
    // The first page sets the revision of all others.
    if (revision === 0) revision = Number(page.header.revision);
    for (const found of page.kvs) {
      const { object, problem } = records.stateOf(records.refOf(found.key), found, revision);
      if (object !== undefined) objects.push(object);
      if (problem !== undefined) log.warn({ error: problem }, 'an object is left out of a list');
    }
    key = nextPageOf(page);
    limit = nextLimit(page.kvs);
  }
  return { objects: objects.sort(byNamespaceAndName), revision };
}

/** Undefined if the page exceeds the response limit. */
async function readPage(
  { client, history }: EtcdRecords,
  request: { readonly key: Buffer; readonly range_end: Buffer; readonly revision: number; readonly limit: number },
  { kind }: ListFilter,
  signal: AbortSignal,
): Promise<IRangeResponse | undefined> {
  const what = `list objects of kind ${kind}`;
  const mark = history.mark();
  try {
    const page = await client.range(request, what, signal);
    if (history.answer(page.header, mark)) return page;
    throw new LanternError('out-of-range', `${what}: etcd was replaced or restored from a snapshot; list again`);
  } catch (error) {
    if (hasCode(error, 'resource-exhausted') && request.limit > 1) return undefined;
    throw error;
  }
}

function nextLimit(page: readonly IKeyValue[]): number {
  const bytes = page.reduce((sum, { value }) => sum + value.length, 0);
  const average = bytes / Math.max(1, page.length);
  return Math.max(1, Math.min(MAX_PER_PAGE, Math.floor(PAGE_BYTES / Math.max(1, average))));
}
