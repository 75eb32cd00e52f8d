import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fallbackOnErrno } from '../../base/errors.ts';
import type { VolumeFs } from '../../volume/file-system.ts';
import type { parseRecord, RecordedPublication } from '../../volume/record.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { ResumedVolume } from '../publisher.ts';
import { isBelow, type TargetRoots } from '../targets/target-roots.ts';
import type { BoundVolume } from './bound-volume.ts';
import type { MountIndex } from './mount-index.ts';
import type { Pool, Pools } from './pools.ts';
import { type Publication, publicationOf } from './publications.ts';

type ResumePoolOptions = {
  readonly pool: Pool;
  readonly mounts: MountIndex;
  readonly pools: Pools;
  readonly mounter: Mounter;
  readonly targets: TargetRoots;
  readonly fs: VolumeFs;
  readonly parse: typeof parseRecord;
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
  const { pool, mounter, fs, parse, host, targets } = options;
  const home = new VolumeHome({ fs, directory: join(pool.directory, name) });
  const record = home.loadOwnRecord(parse);
  let data = identityOf(home.dataDirectory, mounter);
  if (record.ok && data === undefined) {
    // Somebody removed the data while publications and record still exist.
    fallbackOnErrno(() => home.create(), undefined);
    data = identityOf(home.dataDirectory, mounter);
  }
  const mounts = mountsOf(name, home, data, options);
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

/**
 * In the table's order. Inodes come from the pool: here another mount may cover one that a container still sees.
 * `data` is the volume's data directory, if it exists.
 */
function mountsOf(
  name: string,
  home: VolumeHome,
  data: FileIdentity | undefined,
  { mounts, mounter, pools, pool }: ResumePoolOptions,
): readonly FoundMount[] {
  const device = data?.device ?? pool.device;
  return mounts.mountsOf(device, name).flatMap(({ mount, root }) => {
    if (isBelow(mount.mountPoint, pools.directory)) return [];
    const { subPath, generation: pinnedGeneration, isDeleted } = root;
    const part = subPath === undefined ? undefined : join(home.dataDirectory, pinnedGeneration ?? '', subPath);
    const path = isDeleted ? mount.mountPoint : part;
    const found = path === undefined ? data : identityOf(path, mounter);
    if (found === undefined || (isDeleted && found.mountId !== mount.id)) return [];
    const publication = publicationOf({ device, inode: found.inode, mountId: mount.id }, subPath, pinnedGeneration);
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
  const byId = new Map<number | undefined, FoundMount>();
  const byPlace = new Map<string, FoundMount>();
  for (const mount of mounts) {
    byId.set(mount.publication.mountId, mount);
    byPlace.set(partAt(mount.place, mount.publication.subPath), mount);
  }
  const ids = new Set<number | undefined>();
  const reused = new Set<number | undefined>();
  for (const { mountId } of publications) (ids.has(mountId) ? reused : ids).add(mountId);
  return publications.flatMap(({ target, subPath, mountId }) => {
    const path = targets.tryResolve(target) ?? target;
    const known = byId.get(mountId);
    // A mount that others removed may have had the id of a later one, which is where it was made.
    const isIts = known !== undefined && (!reused.has(mountId) || known.place === path);
    const isKnown = isIts && known.publication.subPath === subPath;
    const mount = isKnown ? known : byPlace.get(partAt(path, subPath));
    return mount === undefined ? [] : [{ target, path, publication: mount.publication }];
  });
}

/** No path has a NUL. */
function partAt(place: string, subPath: string | undefined): string {
  return `${place}\0${subPath ?? ''}`;
}

/** Undefined for a missing path, such as the data of a home that was only half made or half removed. */
function identityOf(path: string, mounter: Mounter): FileIdentity | undefined {
  return fallbackOnErrno(() => mounter.identify(path), undefined);
}
