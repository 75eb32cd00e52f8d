import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { finish, Slices, type Steps } from '../../base/steps.ts';
import type { VolumeId } from '../../spec/volume-spec.ts';
import type { VolumeFs } from '../../volume/file-system.ts';
import { volumeDirectoryName } from '../../volume/layout.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import { BindLookout } from '../bind-lookout.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { HostedVolume, PoolTotals, Publisher, ResumedVolume } from '../publisher.ts';
import type { TargetRoots } from '../targets/target.ts';
import { BoundVolume } from './bound-volume.ts';
import { clearTarget } from './cover.ts';
import type { Pool, Pools } from './pools.ts';
import { isPoolMounted, publicationRoot } from './publication-root.ts';
import { homeDirectory, resumePool } from './resume-pool.ts';

type BindPublisherOptions = {
  readonly mounter: Mounter;
  readonly pools: Pools;
  readonly targets: TargetRoots;
  readonly fs: VolumeFs;
  readonly clock: Clock;
  readonly canChangeOwners: boolean;
  readonly cautions: readonly string[];
};

/** Keeps each volume once, in a pool, and binds it read-only wherever it is wanted. */
export class BindPublisher implements Publisher {
  readonly kind = 'bind';
  readonly canChangeOwners: boolean;
  readonly cautions: readonly string[];
  readonly #options: BindPublisherOptions;
  readonly #slices: Slices;
  readonly #lookout: BindLookout;
  /** By directory name. */
  readonly #volumes = new Map<string, BoundVolume>();
  /** Directory names of volumes with a publication that outlived its pool. */
  #orphans: ReadonlySet<string> = new Set();

  constructor(options: BindPublisherOptions) {
    this.#options = options;
    this.#slices = new Slices(options.clock);
    const table = options.mounter.watchTable();
    this.#lookout = new BindLookout({ table, clock: options.clock, slices: this.#slices });
    this.canChangeOwners = options.canChangeOwners;
    this.cautions = options.cautions;
  }

  resume(): readonly ResumedVolume[] {
    const { mounter, pools, targets, fs } = this.#options;
    const table = mounter.table();
    this.#orphans = new Set(
      table.flatMap((mount) => {
        const root = isPoolMounted(table, mount.device) ? undefined : publicationRoot(mount);
        return root === undefined ? [] : [root.home];
      }),
    );
    return pools.restore(table).flatMap((pool) => {
      const host = (name: string, home: VolumeHome) => this.#host(name, home, pool);
      const resumed = resumePool({ pool, table, pools, targets, mounter, fs, host });
      if (pool.homes.size === 0) pools.remove(pool);
      return resumed;
    });
  }

  realTarget(target: string): string {
    return this.#options.targets.tryResolve(target) ?? target;
  }

  open(volumeId: VolumeId, domain: string): HostedVolume {
    const { pools, fs } = this.#options;
    const name = volumeDirectoryName(volumeId);
    const known = this.#volumes.get(name);
    if (known !== undefined) return known;
    const pool = pools.join(domain, name);
    try {
      const home = new VolumeHome({ fs, directory: homeDirectory(pool, name) });
      const isNew = home.create();
      return this.#host(name, home, pool, isNew);
    } catch (error) {
      tidyUp(() => pools.leave(pool, name));
      throw toLanternError(error, `make a place for volume "${volumeId}"`);
    }
  }

  clear(volumeId: VolumeId, target: string): void {
    const { mounter, targets } = this.#options;
    const name = volumeDirectoryName(volumeId);
    const known = this.#volumes.get(name);
    if (known !== undefined) {
      known.unpublish(target);
      return;
    }
    using parent = targets.openIfThere(target);
    if (parent !== undefined) clearTarget(parent, name, (device) => this.#isPool(device), mounter);
  }

  vanished(volumes: readonly HostedVolume[]): ReadonlyMap<HostedVolume, readonly string[]> {
    const ours = volumes.flatMap(({ directoryName }) => this.#volumes.get(directoryName) ?? []);
    if (ours.every((volume) => volume.isInPlace())) return new Map();
    const table = new Map(this.#options.mounter.table().map((mount) => [mount.id, mount]));
    return new Map(ours.map((volume) => [volume, volume.vanished(table)]));
  }

  poolTotals(): PoolTotals {
    return this.#options.pools.totals();
  }

  removeAll(): void {
    for (const volume of [...this.#volumes.values()]) {
      for (const target of volume.targets) volume.unpublish(target);
      finish(volume.removing());
    }
    this.#options.pools[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volume of this.#volumes.values()) volume[Symbol.dispose]();
    this.#volumes.clear();
    this.#lookout[Symbol.dispose]();
    this.#options.pools[Symbol.dispose]();
  }

  #host(name: string, home: VolumeHome, pool: Pool, isNew = false): BoundVolume {
    const { pools } = this.#options;
    const volume = new BoundVolume(
      name,
      home,
      {
        ...this.#options,
        slices: this.#slices,
        lookout: this.#lookout,
        pool,
        hasOrphan: this.#orphans.has(name),
        isPool: (device) => this.#isPool(device),
        isPoolThere: () => pools.isThere(pool),
        makeRoom: () => this.#makingRoom(pool),
        onRemove: () => {
          this.#volumes.delete(name);
          pools.leave(pool, name);
        },
      },
      isNew,
    );
    this.#volumes.set(name, volume);
    return volume;
  }

  *#makingRoom(pool: Pool): Steps<void> {
    for (const volume of [...this.#volumes.values()]) if (volume.pool === pool) yield* volume.retiringNow();
  }

  #isPool(device: string): boolean {
    return this.#options.pools.all().some((pool) => pool.device === device);
  }
}

/** After a failure, which is what is to be told, whatever becomes of this. */
function tidyUp(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof LanternError)) throw error;
  }
}
