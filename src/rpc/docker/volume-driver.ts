import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { Log } from '../../base/log.ts';
import { orThrow } from '../../base/parsed.ts';
import type { MountTables } from '../../mount/mount-tables.ts';
import { isSameMap } from '../../objects/object.ts';
import type { EventLog } from '../../projection/events/event-log.ts';
import type { Projector, VolumeStatus } from '../../projection/projector.ts';
import { type EngineProcess, isRunning } from './engine-process.ts';
import type { KeptVolume, KeptVolumes, VolumeUse } from './kept-volumes.ts';
import { ID_PREFIX, parseVolumeOptions, volumeIdOf } from './volume-options.ts';

export type VolumeDriverDependencies = {
  readonly projector: Pick<Projector, 'unpublish' | 'get' | 'listAfter' | 'isReady'>;
  /** May use targets in `directory`, as no caller of the other services may. */
  readonly publish: Projector['publish'];
  readonly kept: KeptVolumes;
  /** The parent of all mountpoints, a real path. */
  readonly directory: string;
  /** Those that volumes may be in; empty: all. */
  readonly namespaces: readonly string[];
  /** Milliseconds between two looks for uses that the engine has forgotten. */
  readonly syncPeriodMs: number;
  readonly readMountTables: () => Promise<Pick<MountTables, 'isElsewhere'>>;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Log;
};

/** `status` is undefined while the volume is not published. `problem` is why the last mount failed. */
export type DriverVolume = KeptVolume & {
  readonly name: string;
  readonly mountpoint: string;
  readonly status: VolumeStatus | undefined;
  readonly problem: string | undefined;
};

const MAX_VOLUMES = 10_000;
/** Uses of one volume at a time. */
const MAX_USES = 1_000;
/**
 * Milliseconds for an engine to start the container that it mounted for, and between two looks at one that runs. An
 * engine that could not reach the daemon does not repeat an unmount, so that a use may be over without one.
 */
const TRUSTED_MS = 10 * 60_000;

/**
 * The volumes of a Docker engine: each is created with options, published for its first use, and unpublished after the
 * last. Calls for one volume run one after the other. Every repeat is allowed.
 */
export class VolumeDriver implements AsyncDisposable {
  readonly #dependencies: VolumeDriverDependencies;
  readonly #locks = new KeyedLock();
  readonly #stop = new AbortController();
  /** Why the last mount of a volume failed. */
  readonly #problems = new Map<string, string>();
  /** When a container was last seen to show a volume; `Clock.now`. */
  readonly #seen = new Map<string, number>();
  /** Volumes whose uses seemed to be over at the last look. They end at the next one. */
  readonly #doubtful = new Set<string>();
  #timer: Disposable | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(dependencies: VolumeDriverDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { clock, syncPeriodMs } = this.#dependencies;
    this.#round = this.look().then(() => {
      if (!this.#stop.signal.aborted) this.#timer = clock.after(syncPeriodMs, () => this.start());
    });
  }

  /** `already-exists` if the volume has other options. */
  create(name: string, options: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const { kept, namespaces, clock } = this.#dependencies;
    return this.#locks.run(name, signal, async () => {
      orThrow(parseVolumeOptions(options, namespaces));
      const found = kept.get(name);
      if (found === undefined) {
        if (kept.names.length >= MAX_VOLUMES) {
          const message = `create volume "${name}": there are ${MAX_VOLUMES} volumes; remove some`;
          throw new LanternError('resource-exhausted', message);
        }
        await kept.save(name, { options, createdAt: clock.now(), uses: new Map() });
      } else if (!isSameMap(options, found.options)) {
        const message = `create volume "${name}": it exists with other options; remove it with "docker volume rm ${name}", no data is lost`;
        throw new LanternError('already-exists', message);
      }
    });
  }

  /** `failed-precondition` while the volume is in use. */
  remove(name: string, signal: AbortSignal): Promise<void> {
    const { kept } = this.#dependencies;
    return this.#locks.run(name, signal, async () => {
      const count = kept.get(name)?.uses.size ?? 0;
      if (count > 0 && (await this.#isInUse(name, () => this.#dependencies.readMountTables()))) {
        const message = `remove volume "${name}": it is in use (${count}); remove the containers that use it first`;
        throw new LanternError('failed-precondition', message);
      }
      await this.#end(name, signal);
      await kept.remove(name);
      for (const notes of [this.#problems, this.#seen, this.#doubtful]) notes.delete(name);
    });
  }

  /** Returns the mountpoint. An error of a further use leaves what is mounted as it is. */
  mount(name: string, id: string, engine: EngineProcess, signal: AbortSignal): Promise<string> {
    const { kept, clock } = this.#dependencies;
    return this.#locks.run(name, signal, async () => {
      const volume = this.#find(name);
      const isNew = !volume.uses.has(id);
      if (isNew && volume.uses.size >= MAX_USES) {
        const message = `mount volume "${name}": it has ${MAX_USES} uses; use another volume`;
        throw new LanternError('resource-exhausted', message);
      }
      this.#doubtful.delete(name);
      // The record before the mount: a crash in between must not leave a mount that nobody knows.
      const uses = new Map([...volume.uses, [id, { engine, since: clock.now() }]]);
      await kept.save(name, { ...volume, uses });
      try {
        await this.#publish(name, volume, signal);
        // The engine does not unmount what it was not told.
        signal.throwIfAborted();
      } catch (error) {
        if (isNew) await this.#release(name, [id]);
        throw error;
      }
      return this.mountpointOf(name);
    });
  }

  /** Unknown volumes and ids are not an error. */
  unmount(name: string, id: string, signal: AbortSignal): Promise<void> {
    return this.#locks.run(name, signal, () => this.#release(name, [id]));
  }

  /** Throws `not-found`. Does not wait for anything. */
  get(name: string): DriverVolume {
    const volume = this.#find(name);
    const status = this.#publishedAs(name);
    return { ...volume, name, mountpoint: this.mountpointOf(name), status, problem: this.#problems.get(name) };
  }

  /** In order of their names. */
  list(): readonly { readonly name: string; readonly isInUse: boolean }[] {
    const { kept } = this.#dependencies;
    return kept.names.map((name) => ({ name, isInUse: (kept.get(name)?.uses.size ?? 0) > 0 }));
  }

  mountpointOf(name: string): string {
    return join(this.#dependencies.directory, name);
  }

  /**
   * Looks for uses that are over although nobody unmounted them, as after a crash of the engine, and for publications
   * that are missing. A use ends if two looks in a row find it over.
   */
  async look(): Promise<void> {
    const { kept, log, readMountTables } = this.#dependencies;
    // One look at all processes serves all volumes.
    let tables: ReturnType<typeof readMountTables> | undefined;
    const read = () => {
      tables ??= readMountTables();
      return tables;
    };
    const used = kept.names.filter((name) => kept.get(name)?.uses.size !== 0);
    for (const name of new Set([...kept.unsaved, ...used, ...this.#publishedNames()])) {
      try {
        await this.#locks.run(name, this.#stop.signal, () => this.#settle(name, read));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const { message } = toLanternError(error, `look at volume "${name}"`);
        log.warn({ volume: name, problem: message }, 'a Docker volume could not be brought up to date');
      }
    }
  }

  /** Stops looking; what is mounted stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
    await this.#round;
  }

  async #settle(name: string, read: VolumeDriverDependencies['readMountTables']): Promise<void> {
    const { kept, events, clock, projector } = this.#dependencies;
    await kept.retry(name);
    const volume = kept.get(name);
    if (await this.#isInUse(name, read)) {
      this.#doubtful.delete(name);
      const isLost = volume !== undefined && this.#publishedAs(name) === undefined;
      if (isLost && projector.isReady) await this.#publish(name, volume, this.#stop.signal);
      return;
    }
    if (!this.#doubtful.has(name)) {
      this.#doubtful.add(name);
      return;
    }
    this.#doubtful.delete(name);
    const namespace = volume?.options.get('namespace') ?? 'default';
    await this.#end(name, this.#stop.signal);
    if (volume === undefined || volume.uses.size === 0) return;
    const message = `it was unmounted: no container shows it, and the engine did not unmount it (${volume.uses.size})`;
    const about = { volumeId: volumeIdOf(name), namespace, pod: undefined, time: clock.now() };
    events.emit({ ...about, type: 'warning', reason: 'ForgottenByEngine', message });
  }

  /** True while a running engine is trusted to unmount it, or a container shows it. */
  async #isInUse(name: string, read: VolumeDriverDependencies['readMountTables']): Promise<boolean> {
    const { kept, clock } = this.#dependencies;
    const now = clock.now();
    const isRecent = (time: number) => now - time < TRUSTED_MS;
    const seen = this.#seen.get(name) ?? Number.NEGATIVE_INFINITY;
    const isTrusted = ({ engine, since }: VolumeUse) => isRecent(Math.max(since, seen)) && isRunning(engine);
    if ([...(kept.get(name)?.uses.values() ?? [])].some(isTrusted)) return true;
    if (this.#publishedAs(name) === undefined) return false;
    const isSeen = (await read()).isElsewhere(this.mountpointOf(name));
    if (isSeen) this.#seen.set(name, now);
    return isSeen;
  }

  async #publish(name: string, { options }: KeptVolume, signal: AbortSignal): Promise<void> {
    const { publish, namespaces } = this.#dependencies;
    try {
      const contents = orThrow(parseVolumeOptions(options, namespaces));
      const request = {
        ...{ ...contents, volumeId: volumeIdOf(name), target: this.mountpointOf(name), subPath: undefined },
        ...({ accessMode: 'MULTI_NODE_READER_ONLY', readonly: true, mountFlags: [], mountGroup: undefined } as const),
        ...{ pod: undefined, podVolume: undefined, inputs: { data: new Map(), tokens: new Map() } },
        waitForObjects: false,
      };
      await publish(request, signal);
      this.#problems.delete(name);
    } catch (error) {
      const failure = toLanternError(error, 'publish it').within(`mount volume "${name}"`);
      this.#problems.set(name, failure.message);
      throw failure;
    }
  }

  /** Ends uses. The last one takes the publication with it. */
  async #release(name: string, ids: Iterable<string>): Promise<void> {
    const { kept } = this.#dependencies;
    const volume = kept.get(name);
    if (volume === undefined) return;
    const uses = new Map(volume.uses);
    for (const id of ids) uses.delete(id);
    if (uses.size < volume.uses.size) await kept.note(name, { ...volume, uses });
    // Not the signal of the call: a publication without uses is only found by the next look.
    if (uses.size === 0) await this.#end(name, this.#stop.signal);
  }

  /** Ends all uses. */
  async #end(name: string, signal: AbortSignal): Promise<void> {
    const { kept, projector } = this.#dependencies;
    const volume = kept.get(name);
    this.#seen.delete(name);
    if (volume !== undefined && volume.uses.size > 0) await kept.note(name, { ...volume, uses: new Map() });
    await projector.unpublish({ volumeId: volumeIdOf(name), target: this.mountpointOf(name) }, signal);
  }

  #find(name: string): KeptVolume {
    const volume = this.#dependencies.kept.get(name);
    if (volume !== undefined) return volume;
    throw new LanternError('not-found', `volume "${name}" does not exist; create it first`);
  }

  /** Undefined if the volume is not published at its mountpoint. */
  #publishedAs(name: string): VolumeStatus | undefined {
    const status = this.#dependencies.projector.get(volumeIdOf(name));
    return status?.publications.some(({ target }) => target === this.mountpointOf(name)) ? status : undefined;
  }

  /** Includes publications whose state is lost. */
  *#publishedNames(): Iterable<string> {
    for (const { volumeId } of this.#dependencies.projector.listAfter(ID_PREFIX, undefined)) {
      if (!volumeId.startsWith(ID_PREFIX)) return;
      const name = volumeId.slice(ID_PREFIX.length);
      if (this.#publishedAs(name) !== undefined) yield name;
    }
  }
}
