import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import type { VolumeFs } from '../volume/file-system.ts';
import { volumeDirectoryName } from '../volume/layout.ts';
import type { RecordedPublication } from '../volume/record.ts';
import { VolumeHome } from '../volume/volume-home.ts';
import type { BoundVolume, Publication } from './bound-volume.ts';
import type { Shown } from './cover.ts';
import type { Mounter } from './mounter.ts';
import type { MountEntry } from './mountinfo.ts';
import type { Pool } from './pool.ts';
import type { Pools } from './pools.ts';
import { publicationRoot } from './publication-root.ts';
import type { ResumedVolume } from './publisher.ts';
import type { TargetRoots } from './target.ts';

export type ResumePoolOptions = {
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
 * Takes over the volumes of a pool that an earlier daemon left. Data comes from the pool, publications from the mount
 * table, the rest from the record. A volume with neither a usable record nor a publication belongs to nobody and is
 * removed.
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
  const publications = publicationsOf(name, home, options);
  const record = ownRecord(name, home);
  if (!record.ok && publications.size === 0) {
    sweep(home, mounter);
    return undefined;
  }
  const volume = host(name, home);
  for (const [target, publication] of publications) volume.remember(target, publication);
  const names = record.ok ? recordedNames(record.value.publications, options.targets) : new Map<string, string>();
  const liveTargets = [...publications].map(([path, { subPath, pinnedGeneration }]) => {
    return { target: names.get(path) ?? path, subPath, pinnedGeneration };
  });
  return { volume, record, inputs: home.loadInputs(), liveTargets };
}

/**
 * By mount point, which is the target's real path. What each one shows is looked up in the pool, not at the target: the
 * mount may be covered by another one here and still be what a container sees.
 */
function publicationsOf(
  name: string,
  home: VolumeHome,
  { table, mounter, pools }: ResumePoolOptions,
): ReadonlyMap<string, Publication> {
  const device = identityOf(home.dataDirectory, mounter)?.device;
  const publications = new Map<string, Publication>();
  for (const mount of table) {
    const root = mount.device === device ? publicationRoot(mount) : undefined;
    if (root?.home !== name || mount.mountPoint.startsWith(`${pools.directory}/`)) continue;
    const { subPath, generation: pinnedGeneration } = root;
    const shown = identityOf(join(home.dataDirectory, pinnedGeneration ?? '', subPath ?? ''), mounter);
    if (shown !== undefined) publications.set(mount.mountPoint, { ...shown, subPath, pinnedGeneration });
  }
  return publications;
}

/** Undefined for what is not there, as the data of a home that was left half made or half removed. */
function identityOf(path: string, mounter: Mounter): Shown | undefined {
  try {
    const { device, inode } = mounter.identify(path);
    return { device, inode };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function sweep(home: VolumeHome, mounter: Mounter): void {
  try {
    mounter.unmount(home.dataDirectory);
    home.remove();
  } catch (error) {
    // What cannot be removed goes with the pool at the latest; it must not cost the daemon its start.
    if (errnoOf(error) === undefined) throw error;
  }
}

function ownRecord(name: string, home: VolumeHome): ResumedVolume['record'] {
  const record = home.loadRecord();
  if (!record.ok || volumeDirectoryName(record.value.volumeId) === name) return record;
  return { ok: false, problem: 'it is the record of another volume' };
}

/** The targets as the requests named them, by real path. Those of other roots than today's are known by that only. */
function recordedNames(
  publications: readonly RecordedPublication[],
  targets: TargetRoots,
): ReadonlyMap<string, string> {
  return new Map(publications.map(({ target }) => [targets.tryResolve(target) ?? target, target]));
}
