import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fallbackOnErrno } from '../../base/errors.ts';
import type { VolumeFs } from '../../volume/file-system.ts';
import type { RecordedPublication } from '../../volume/record.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { ResumedVolume } from '../publisher.ts';
import type { TargetRoots } from '../targets/target-roots.ts';
import type { BoundVolume } from './bound-volume.ts';
import type { Pool, Pools } from './pools.ts';
import { type Publication, publicationRoot } from './publications.ts';

type ResumePoolOptions = {
  readonly pool: Pool;
  readonly table: readonly MountEntry[];
  readonly pools: Pools;
  readonly mounter: Mounter;
  readonly targets: TargetRoots;
  readonly fs: VolumeFs;
  readonly host: (name: string, home: VolumeHome) => BoundVolume;
};

/**
 * Takes over the volumes of a pool that an earlier daemon left. Their records name the mounts that are publications.
 * Without a usable record, those below a target root are. A volume with neither record nor publication is removed.
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
  const { pool, mounter, fs, host, targets } = options;
  const home = new VolumeHome({ fs, directory: join(pool.directory, name) });
  const record = home.loadOwnRecord();
  // Somebody may have removed the data while publications and record still exist.
  if (record.ok) fallbackOnErrno(() => home.create(), undefined);
  const mounts = mountsOf(name, home, options);
  const found = record.ok
    ? matchRecorded(mounts, record.value.publications, targets)
    : mounts.flatMap(({ place, publication }) => {
        return targets.allows(place) ? [{ target: place, path: place, publication }] : [];
      });
  if (!record.ok && found.length === 0) {
    // If it cannot be removed now, it is removed with the pool.
    fallbackOnErrno(() => {
      mounter.unmount(home.dataDirectory);
      home.remove();
    }, undefined);
    return undefined;
  }
  const volume = host(name, home);
  for (const { path, publication } of found) volume.remember(path, publication);
  const liveTargets = found.map(({ target, publication: { subPath, pinnedGeneration, mountId } }) => {
    return { target, subPath, pinnedGeneration, mountId };
  });
  return { volume, record, inputs: home.loadInputs(), liveTargets };
}

/** A mount that shows the volume or a part of it, made by the daemon or by others. */
type FoundMount = {
  /** The mount point, a real path. */
  readonly place: string;
  readonly publication: Publication;
};

/** In the table's order. Inodes come from the pool: here another mount may cover one that a container still sees. */
function mountsOf(name: string, home: VolumeHome, options: ResumePoolOptions): readonly FoundMount[] {
  const { table, mounter, pools, pool } = options;
  const device = identityOf(home.dataDirectory, mounter)?.device ?? pool.device;
  return table.flatMap((mount) => {
    const root = mount.device === device ? publicationRoot(mount) : undefined;
    if (root?.home !== name || mount.mountPoint.startsWith(`${pools.directory}/`)) return [];
    const { subPath, generation: pinnedGeneration, isDeleted } = root;
    const found = isDeleted
      ? identityOf(mount.mountPoint, mounter)
      : identityOf(join(home.dataDirectory, pinnedGeneration ?? '', subPath ?? ''), mounter);
    if (found === undefined || (isDeleted && found.mountId !== mount.id)) return [];
    const publication = { device, inode: found.inode, mountId: mount.id, subPath, pinnedGeneration };
    return [{ place: mount.mountPoint, publication }];
  });
}

type ResumedPublication = {
  readonly target: string;
  /** The target's real path. */
  readonly path: string;
  readonly publication: Publication;
};

/**
 * Finds the mount of each recorded publication by its id, wherever it was moved, or by what its target shows. Ids are
 * invalid in another mount namespace, and missing in records of older daemons. Other mounts were made by others.
 */
function matchRecorded(
  mounts: readonly FoundMount[],
  publications: readonly RecordedPublication[],
  targets: TargetRoots,
): readonly ResumedPublication[] {
  return publications.flatMap(({ target, subPath, mountId }) => {
    const path = targets.tryResolve(target) ?? target;
    const same = mounts.filter(({ publication }) => publication.subPath === subPath);
    const mount =
      same.find(({ publication }) => publication.mountId === mountId) ?? same.findLast(({ place }) => place === path);
    return mount === undefined ? [] : [{ target, path, publication: mount.publication }];
  });
}

/** Undefined for a missing path, such as the data of a home that was only half made or half removed. */
function identityOf(path: string, mounter: Mounter): FileIdentity | undefined {
  return fallbackOnErrno(() => mounter.identify(path), undefined);
}
