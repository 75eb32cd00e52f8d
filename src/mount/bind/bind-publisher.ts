import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { finish, Slices } from '../../base/steps.ts';
import type { VolumeId } from '../../spec/volume-spec.ts';
import type { VolumeFs } from '../../volume/file-system.ts';
import { volumeDirectoryName } from '../../volume/layout.ts';
import { recordParser } from '../../volume/record.ts';
import { RetirementQueue } from '../../volume/retirement.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import { BindLookout } from '../bind-lookout.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { HostedVolume, PoolTotals, Publisher, ResumedVolume } from '../publisher.ts';
import type { TargetRoots } from '../targets/target-roots.ts';
import { BoundVolume, type BoundVolumeDependencies } from './bound-volume.ts';
import { MountIndex } from './mount-index.ts';
import type { Pool, Pools } from './pools.ts';
import { clearing, unmountNow } from './publications.ts';
import { resumePool } from './resume-pool.ts';

type BindPublisherDependencies = {
  readonly mounter: Mounter;
  readonly pools: Pools;
  readonly targets: TargetRoots;
  readonly fs: VolumeFs;
  readonly clock: Clock;
  readonly canChangeOwners: boolean;
  readonly cautions: readonly string[];
};

/** Keeps each volume once, in a pool, and binds it read-only at its targets. */
export class BindPublisher implements Publisher {
  readonly kind = 'bind';
  readonly canChangeOwners: boolean;
  readonly cautions: readonly string[];
  readonly #dependencies: BindPublisherDependencies;
  readonly #slices: Slices;
  readonly #lookout: BindLookout;
  readonly #ofVolumes: BoundVolumeDependencies;
  /** By directory name. */
  readonly #volumes = new Map<string, BoundVolume>();
  /** Directory names of volumes with a publication that outlived its pool. */
  #orphans: ReadonlySet<string> = new Set();

  constructor(dependencies: BindPublisherDependencies) {
    const { mounter, clock, canChangeOwners, cautions } = dependencies;
    this.#dependencies = dependencies;
    this.#slices = new Slices(clock);
    this.#lookout = new BindLookout({ table: mounter.watchTable(), clock, slices: this.#slices });
    this.#ofVolumes = {
      ...dependencies,
      slices: this.#slices,
      retirements: new RetirementQueue({ clock, binds: this.#lookout }),
      onRemove: ({ directoryName, pool }) => {
        this.#volumes.delete(directoryName);
        dependencies.pools.leave(pool, directoryName);
      },
    };
    this.canChangeOwners = canChangeOwners;
    this.cautions = cautions;
  }

  resume(): readonly ResumedVolume[] {
    const { mounter, pools, targets, fs } = this.#dependencies;
    const mounts = new MountIndex(mounter.table());
    this.#orphans = mounts.orphans;
    const parse = recordParser();
    return pools.restore(mounts).flatMap((pool) => {
      const host = (name: string, home: VolumeHome) => this.#host(name, home, pool, false);
      const resumed = resumePool({ pool, mounts, parse, pools, targets, mounter, fs, host });
      if (pool.homes.size === 0) pools.remove(pool);
      return resumed;
    });
  }

  realTarget(target: string): string {
    return this.#dependencies.targets.tryResolve(target) ?? target;
  }

  open(volumeId: VolumeId, domain: string): HostedVolume {
    const { pools, fs } = this.#dependencies;
    const name = volumeDirectoryName(volumeId);
    const known = this.#volumes.get(name);
    if (known !== undefined) return known;
    const pool = pools.join(domain, name);
    try {
      const home = new VolumeHome({ fs, directory: join(pool.directory, name) });
      const isNew = home.create();
      return this.#host(name, home, pool, isNew);
    } catch (error) {
      try {
        pools.leave(pool, name);
      } catch (secondary) {
        if (!(secondary instanceof LanternError)) throw secondary;
      }
      throw toLanternError(error, `make a place for volume "${volumeId}"`);
    }
  }

  clear(volumeId: VolumeId, target: string): void {
    const { mounter, targets, pools } = this.#dependencies;
    const name = volumeDirectoryName(volumeId);
    const known = this.#volumes.get(name);
    if (known !== undefined) {
      known.unpublish(target);
      return;
    }
    using parent = targets.openIfThere(target);
    if (parent !== undefined) unmountNow(clearing(parent, name, pools, mounter), mounter);
  }

  vanished(volumes: readonly HostedVolume[]): ReadonlyMap<HostedVolume, readonly string[]> {
    const ours = volumes.flatMap(({ directoryName }) => this.#volumes.get(directoryName) ?? []);
    if (ours.every((volume) => volume.isInPlace())) return new Map();
    const table = new Map(this.#dependencies.mounter.table().map((mount) => [mount.id, mount]));
    return new Map(ours.map((volume) => [volume, volume.vanished(table)]));
  }

  poolTotals(): PoolTotals {
    return this.#dependencies.pools.totals();
  }

  removeAll(): void {
    for (const volume of [...this.#volumes.values()]) {
      for (const target of volume.targets) volume.unpublish(target);
      finish(volume.removing());
    }
    this.#dependencies.pools[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volume of this.#volumes.values()) volume[Symbol.dispose]();
    this.#volumes.clear();
    this.#lookout[Symbol.dispose]();
    this.#dependencies.pools[Symbol.dispose]();
  }

  #host(name: string, home: VolumeHome, pool: Pool, isNew: boolean): BoundVolume {
    const hasOrphan = this.#orphans.has(name);
    const volume = new BoundVolume(name, { home, pool, isNew, hasOrphan }, this.#ofVolumes);
    this.#volumes.set(name, volume);
    return volume;
  }
}
