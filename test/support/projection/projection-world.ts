import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { orThrow } from '../../../src/base/parsed.ts';
import { Slices } from '../../../src/base/steps.ts';
import { BindPublisher } from '../../../src/mount/bind/bind-publisher.ts';
import { Pools } from '../../../src/mount/bind/pools.ts';
import { TargetRoots } from '../../../src/mount/targets/target-roots.ts';
import type { EventDraft } from '../../../src/objects/event.ts';
import { EventLog, type VolumeEvent } from '../../../src/projection/events/event-log.ts';
import type { PublishRequest } from '../../../src/projection/projector.ts';
import { Volumes, type VolumesDependencies } from '../../../src/projection/volumes.ts';
import { parseVolumeSource } from '../../../src/spec/parse-volume-source.ts';
import { parserHere } from '../../../src/spec/parser/parse-tasks.ts';
import type { VolumeDefinition } from '../../../src/spec/volume-spec.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import type { IssuedToken, TokenIssuer, TokenRequest } from '../../../src/tokens/token-signer.ts';
import { nodeFileSystem } from '../../../src/volume/file-system.ts';
import { volumeDirectoryName } from '../../../src/volume/layout.ts';
import { RecordingMounter } from '../mount/recording-mounter.ts';
import { secretDraft } from '../objects/builders.ts';
import { ManualClock } from '../suite/clocks.ts';
import { TempDir } from '../suite/temp-dir.ts';
import { volumeId } from '../volume/volume-content.ts';

export const NEVER = new AbortController().signal;

/** A volume source in Kubernetes' shape as a definition. */
export function inline(source: unknown): VolumeDefinition {
  return { kind: 'inline', spec: orThrow(parseVolumeSource(source, 'spec')) };
}

type Faces = Pick<VolumesDependencies, 'source' | 'background' | 'staleness'>;

export type WorldOptions = {
  readonly poolBytes?: number;
  readonly syncPeriodMs?: number;
  /** False where the host brings every token. True where left out. */
  readonly issuesTokens?: boolean;
  /** How the projector sees the store; the store itself where left out. */
  readonly facesOf?: (store: MemoryStore, clock: Clock) => Faces;
};

/** For tests that are not about it: no round of the sync period comes. */
const A_YEAR_MS = 365 * 24 * 3600 * 1000;

const asItIs = (store: MemoryStore): Faces => ({ source: store, background: store });

/** A projector over a memory store and a mount table in memory; time stands still unless a test advances it. */
export class ProjectionWorld implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly mounter = new RecordingMounter();
  readonly tokens = new CountingIssuer(this.clock);
  readonly events: VolumeEvent[] = [];
  readonly recorded: EventDraft[] = [];
  readonly #dir = new TempDir();
  readonly #poolBytes: number;
  readonly #syncPeriodMs: number;
  readonly #issuesTokens: boolean;
  readonly #facesOf: (store: MemoryStore, clock: Clock) => Faces;
  #stop = new AbortController();
  store = new MemoryStore({ clock: this.clock });
  projector: Volumes;

  constructor(options: WorldOptions = {}) {
    const { poolBytes = 1024 * 1024, syncPeriodMs = A_YEAR_MS, issuesTokens = true, facesOf = asItIs } = options;
    this.#poolBytes = poolBytes;
    this.#syncPeriodMs = syncPeriodMs;
    this.#issuesTokens = issuesTokens;
    this.#facesOf = facesOf;
    mkdirSync(this.#dir.at('targets'));
    this.projector = this.#newProjector();
  }

  async start(): Promise<void> {
    await this.#begin();
    await this.projector.start(this.#stop.signal);
    await this.projector.settled();
  }

  /** Resolves when the volumes of the projector before are known. */
  async #begin(): Promise<void> {
    const events = this.projector.events({ includeExisting: false }, this.#stop.signal);
    void (async () => {
      for await (const event of events) this.events.push(event);
    })();
    await this.projector.takeOver();
  }

  /** The daemon ends and another starts, over a store that begins empty, or over the same. */
  async restart({ keepStore = false }: { readonly keepStore?: boolean } = {}): Promise<void> {
    await this.#end();
    if (!keepStore) this.store = new MemoryStore({ clock: this.clock });
    this.projector = this.#newProjector();
    await this.start();
  }

  /** The daemon ends and another starts, whose store does not sync. */
  async restartUnsynced(): Promise<void> {
    await this.#end();
    this.store = new MemoryStore({ clock: this.clock, ready: false });
    this.projector = this.#newProjector();
    await this.#begin();
    this.projector.start(this.#stop.signal).catch(() => {});
  }

  async #end(): Promise<void> {
    await this.projector[Symbol.asyncDispose]();
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  /** How many timers wait, besides the one of the sync period's next round. */
  get timers(): number {
    return this.clock.pending - 1;
  }

  target(name: string): string {
    return this.#dir.at('targets', name);
  }

  /** A valid request for all keys of Secret `db`, changed where the test cares. */
  request(overrides: Partial<PublishRequest> = {}): PublishRequest {
    return {
      volumeId: volumeId('v'),
      namespace: 'default',
      definition: inline({ secret: { secretName: 'db' } }),
      target: this.target('t'),
      subPath: undefined,
      accessMode: 'SINGLE_NODE_MULTI_WRITER',
      readonly: true,
      mountFlags: [],
      mountGroup: undefined,
      pod: undefined,
      inputs: { data: new Map(), tokens: new Map() },
      podVolume: undefined,
      waitForObjects: false,
      ...overrides,
    };
  }

  publish(overrides: Partial<PublishRequest> = {}): Promise<unknown> {
    return this.projector.publish(this.request(overrides), NEVER);
  }

  /** Stores a Secret and waits until every volume has it. */
  async apply(name: string, values: Readonly<Record<string, string>>): Promise<void> {
    await this.store.apply(secretDraft(name, values), { createOnly: false, dryRun: false }, NEVER);
    await this.projector.settled();
  }

  async delete(name: string): Promise<void> {
    await this.store.delete({ kind: 'Secret', namespace: 'default', name }, undefined, NEVER);
    await this.projector.settled();
  }

  /** The volume's visible files. */
  files(id = 'v'): Readonly<Record<string, string>> {
    const data = this.dataDirectory(id);
    const names = readdirSync(data).filter((name) => !name.startsWith('..'));
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(data, name), 'utf8')]));
  }

  /** The directories that are bound at the volume's targets. */
  dataDirectory(id: string): string {
    return join(this.#home(id), 'data');
  }

  /** Takes a restarted daemon's knowledge of the volume. */
  damageRecord(id: string): void {
    writeFileSync(join(this.#home(id), 'record.json'), '{');
  }

  #home(id: string): string {
    const pools = this.#dir.at('run/pools');
    const pool = readdirSync(pools).find((name) => readdirSync(join(pools, name)).includes(volumeDirectoryName(id)));
    return join(pools, pool ?? '', volumeDirectoryName(id));
  }

  /** The files, of the daemon's as well, that hold the text. */
  grep(text: string): string[] {
    const entries = readdirSync(this.#dir.path, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files.filter((path) => readFileSync(path).includes(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.projector[Symbol.asyncDispose]();
    this.#stop.abort();
    this.#dir[Symbol.dispose]();
  }

  #newProjector(): Volumes {
    const { clock, mounter } = this;
    const { source, background, staleness } = this.#facesOf(this.store, clock);
    const sizes = { poolBytes: this.#poolBytes, totalBytes: 16 * 1024 * 1024 };
    const publisher = new BindPublisher({
      mounter,
      pools: new Pools({ mounter, directory: this.#dir.at('run/pools'), ...sizes }),
      targets: new TargetRoots([this.#dir.at('targets')], [this.#dir.at('run')]),
      fs: nodeFileSystem,
      clock,
      canChangeOwners: false,
      cautions: [],
    });
    return new Volumes({
      source,
      background,
      staleness,
      parser: parserHere,
      publisher,
      clock,
      slices: new Slices(clock),
      log: silentLog,
      events: new RecordingLog(clock, this.recorded),
      tokens: this.#issuesTokens ? this.tokens : undefined,
      syncPeriodMs: this.#syncPeriodMs,
      budget: { bytes: this.#poolBytes, entries: 1_000 },
      allocatable: new Map(),
      isolation: 'namespace',
      environmentNames: 'strict',
    });
  }
}

/** Keeps the drafts of all events. */
export class RecordingLog extends EventLog {
  readonly #drafts: EventDraft[];

  constructor(clock: Clock, drafts: EventDraft[]) {
    super({ clock });
    this.#drafts = drafts;
  }

  override record(draft: EventDraft): void {
    this.#drafts.push(draft);
    super.record(draft);
  }
}

/** Tokens that say how many there were before; `failure`, while set, is thrown instead. */
export class CountingIssuer implements TokenIssuer {
  readonly issuer = 'test';
  readonly requests: TokenRequest[] = [];
  failure: Error | undefined;
  /** Tokens whose key is gone. */
  readonly disowned = new Set<string>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get keyChanges(): number {
    return this.disowned.size;
  }

  async issue(request: TokenRequest): Promise<IssuedToken> {
    if (this.failure !== undefined) throw this.failure;
    this.requests.push(request);
    const issuedAt = this.#clock.now();
    const token = `token-${this.requests.length}`;
    return { token, issuedAt, expiresAt: issuedAt + request.expirationSeconds * 1000 };
  }

  async vouchesFor(token: string): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure;
    return !this.disowned.has(token);
  }
}
