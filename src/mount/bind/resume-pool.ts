import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../base/errors.ts';
import type { VolumeFs } from '../../volume/file-system.ts';
import type { RecordedPublication } from '../../volume/record.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { ResumedVolume } from '../publisher.ts';
import type { TargetRoots } from '../targets/target.ts';
import type { Publication } from './bound-publications.ts';
import type { BoundVolume } from './bound-volume.ts';
import type { Pool, Pools } from './pools.ts';
import { publicationRoot } from './publication-root.ts';

type ResumePoolOptions = {
  readonly pool: Pool;
  readonly table: readonly MountEntry[];
  readonly pools: Pools;
  readonly mounter: Mounter;
  readonly targets: TargetRoots;
  readonly fs: VolumeFs;
  readonly host: (name: string, home: VolumeHome) => BoundVolume;
};

export function homeDirectory(pool: Pool, name: string): string {
  return join(pool.directory, name);
}

/**
 * Takes over the volumes of a pool that an earlier daemon left. Data comes from the pool, and the record says which mounts
 * are ours; without a usable one, those below a target root are. A volume with neither a usable record nor a publication
 * belongs to nobody and is removed.
 */
export function resumePool(options: ResumePoolOptions): readonly ResumedVolume[] {
  const { pool } = options;
  return readdirSync(pool.directory).flatMap((name) => {
    pool.homes.add(name);
    const resumed = resumeVolume(name, options);
    if (resumed === undefined) pool.homes.delete(name);
    return resumed ?? [];
  });
}

function resumeVolume(name: string, options: ResumePoolOptions): ResumedVolume | undefined {
  const { pool, mounter, fs, host } = options;
  const home = new VolumeHome({ fs, directory: homeDirectory(pool, name) });
  const record = home.loadOwnRecord();
  // Somebody may have removed the data, while publications and record are still there.
  if (record.ok) tolerating(() => home.create());
  const mounts = mountsOf(name, home, options);
  const found = record.ok
    ? recordedAmong(mounts, record.value.publications, options)
    : mounts.flatMap(({ place, publication }) => {
        return options.targets.allows(place) ? [{ target: place, path: place, publication }] : [];
      });
  if (!record.ok && found.length === 0) {
    sweep(home, mounter);
    return undefined;
  }
  const volume = host(name, home);
  for (const { path, publication } of found) volume.remember(path, publication);
  const liveTargets = found.map(({ target, publication: { subPath, pinnedGeneration, mountId } }) => {
    return { target, subPath, pinnedGeneration, mountId };
  });
  return { volume, record, inputs: home.loadInputs(), liveTargets };
}

/** A mount that shows the volume or a part of it, whosever it is. */
type FoundMount = {
  /** Its mount point, a real path. */
  readonly place: string;
  readonly publication: Publication;
};

/**
 * In the table's order. What each one shows is looked up in the pool, not at its mount point: it may be covered by another
 * mount here and still be what a container sees.
 */
function mountsOf(name: string, home: VolumeHome, options: ResumePoolOptions): readonly FoundMount[] {
  const { table, mounter, pools, pool } = options;
  const device = identityOf(home.dataDirectory, mounter)?.device ?? pool.device;
  return table.flatMap((mount) => {
    const root = mount.device === device ? publicationRoot(mount) : undefined;
    if (root?.home !== name || mount.mountPoint.startsWith(`${pools.directory}/`)) return [];
    const { subPath, generation: pinnedGeneration, isDeleted } = root;
    const there = isDeleted
      ? identityOf(mount.mountPoint, mounter)
      : identityOf(join(home.dataDirectory, pinnedGeneration ?? '', subPath ?? ''), mounter);
    if (there === undefined || (isDeleted && there.mountId !== mount.id)) return [];
    const publication = { device, inode: there.inode, mountId: mount.id, subPath, pinnedGeneration };
    return [{ place: mount.mountPoint, publication }];
  });
}

/**
 * For each publication that a record names, its own mount: that with its id, wherever it was moved, or what shows the same
 * at its target. The id says nothing to a daemon in another mount namespace, and the records of older daemons have none.
 * What shows the volume in other places was made by others.
 */
function recordedAmong(
  mounts: readonly FoundMount[],
  publications: readonly RecordedPublication[],
  { targets }: ResumePoolOptions,
): readonly { readonly target: string; readonly path: string; readonly publication: Publication }[] {
  return publications.flatMap(({ target, subPath, mountId }) => {
    const path = targets.tryResolve(target) ?? target;
    const same = mounts.filter(({ publication }) => publication.subPath === subPath);
    const mount =
      same.find(({ publication }) => publication.mountId === mountId) ?? same.findLast(({ place }) => place === path);
    return mount === undefined ? [] : [{ target, path, publication: mount.publication }];
  });
}

/** Undefined for what is not there, as the data of a home that was left half made or half removed. */
function identityOf(path: string, mounter: Mounter): FileIdentity | undefined {
  try {
    return mounter.identify(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function sweep(home: VolumeHome, mounter: Mounter): void {
  // What cannot be removed goes with the pool at the latest.
  tolerating(() => {
    mounter.unmount(home.dataDirectory);
    home.remove();
  });
}

/** What the file system refuses must not cost the daemon its start. */
function tolerating(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
