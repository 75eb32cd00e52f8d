import { hash } from 'node:crypto';
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { readUsage } from '../../volume/file-system.ts';
import { PoolRoom } from '../../volume/pool-room.ts';
import { RETIRED_PART, RetiredRoom } from '../../volume/retirement.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import { type Mounter, POOL_SOURCE } from '../linux/mounter.ts';
import type { PoolTotals } from '../publisher.ts';
import type { MountIndex } from './mount-index.ts';

type PoolsOptions = {
  readonly mounter: Mounter;
  /** Directory of the pools' mount points: a real path, as in the mount table. */
  readonly directory: string;
  readonly poolBytes: number;
  /** Of all pools together: their pages are charged to the daemon and cannot be reclaimed. */
  readonly totalBytes: number;
  /** Times how long an empty pool waits for the next volume of its domain. Without it, no empty pool is kept. */
  readonly idleClock?: Clock | undefined;
};

/** One inode per KiB: a volume of three small files takes about 15 inodes and 30 KiB, with a retired generation. */
const BYTES_PER_INODE = 1024;
const MIN_INODES = 1024;

/** The pools of this daemon: mounted with their first volume, removed with their last, or a little later. */
export class Pools implements Disposable {
  readonly directory: string;
  readonly #mounter: Mounter;
  readonly #poolBytes: number;
  readonly #totalBytes: number;
  /** By the name of the directory. */
  readonly #pools = new Map<string, Pool>();
  /** The kernel may have given the device of a pool that others unmounted to a later one. */
  readonly #byDevice = new Map<string, Pool>();
  #takenBytes = 0;
  readonly #idle: IdlePools | undefined;

  constructor({ mounter, directory, poolBytes, totalBytes, idleClock }: PoolsOptions) {
    this.#mounter = mounter;
    this.directory = directory;
    this.#poolBytes = poolBytes;
    this.#totalBytes = totalBytes;
    this.#idle = idleClock && new IdlePools(idleClock, (pool) => this.remove(pool));
  }

  all(): readonly Pool[] {
    return [...this.#pools.values()];
  }

  /** `device` as `major:minor`. */
  hasDevice(device: string): boolean {
    return this.#byDevice.has(device);
  }

  /** Makes one statfs(2) per pool. A pool that somebody unmounted counts as empty. */
  totals(): PoolTotals {
    const pools = this.all();
    const used = pools.map((pool) => (this.isMounted(pool) ? readUsage(pool.directory).usedBytes : 0));
    return {
      pools: pools.length,
      usedBytes: used.reduce((sum, bytes) => sum + bytes, 0),
      sizeBytes: this.#takenBytes,
      limitBytes: this.#totalBytes,
      fullestRatio: pools.reduce((fullest, { bytes }, index) => Math.max(fullest, (used[index] ?? 0) / bytes), 0),
    };
  }

  /** Adds `home` to the domain's pool. `resource-exhausted` beyond the limit, `unavailable` if others unmounted it. */
  join(domain: string, home: string): Pool {
    // The domain comes from a request. Its hash is a file name of fixed length that leads nowhere else.
    const name = hash('sha256', domain, 'hex').slice(0, 32);
    const pool = this.#existing(name, domain) ?? this.#create(name, domain);
    pool.homes.add(home);
    return pool;
  }

  isMounted(pool: Pool): boolean {
    try {
      return this.#mounter.identify(pool.directory).device === pool.device;
    } catch {
      return false;
    }
  }

  /** Notes that the home was removed. A pool without homes is removed too, at once or after a while. */
  leave(pool: Pool, home: string): void {
    pool.homes.delete(home);
    if (pool.homes.size > 0) return;
    if (this.#idle !== undefined && isEmpty(pool)) this.#idle.keep(pool);
    else this.remove(pool);
  }

  remove(pool: Pool): void {
    this.#idle?.forget(pool);
    try {
      this.#mounter.unmount(pool.directory);
      rmdirSync(pool.directory);
    } catch (error) {
      throw toLanternError(error, `remove the pool "${pool.directory}"`);
    }
    const name = basename(pool.directory);
    if (this.#pools.get(name) !== pool) return;
    this.#pools.delete(name);
    if (this.#byDevice.get(pool.device) === pool) this.#byDevice.delete(pool.device);
    this.#takenBytes -= pool.bytes;
  }

  /** Takes over an earlier daemon's mounted pools. The caller fills in their homes. Unmounted leftovers are removed. */
  restore(mounts: MountIndex): readonly Pool[] {
    for (const name of this.#names()) {
      const directory = join(this.directory, name);
      const mount = mounts.topmostAt(directory);
      if (mount?.source === POOL_SOURCE && mount.fileSystem === 'tmpfs') {
        const bytes = sizeOf(mount) ?? this.#poolBytes;
        this.#add(emptyPool({ directory, device: mount.device, bytes }));
      } else if (!mounts.isBusy(directory)) {
        rmSync(directory, { recursive: true, force: true });
      }
    }
    return this.all();
  }

  /** Removes the empty pools that are still kept. */
  [Symbol.dispose](): void {
    this.#idle?.[Symbol.dispose]();
  }

  /** The domain's pool, if it has one. An empty pool that somebody else unmounted is simply mounted again. */
  #existing(name: string, domain: string): Pool | undefined {
    const pool = this.#pools.get(name);
    if (pool === undefined) return undefined;
    if (this.isMounted(pool)) {
      this.#idle?.forget(pool);
      return pool;
    }
    // Writing to the bare directory would put secrets on the file system below it.
    if (pool.homes.size > 0) throw poolIsGone(pool, `use the pool of "${domain}"`);
    this.remove(pool);
    return undefined;
  }

  #create(name: string, domain: string): Pool {
    while (this.#takenBytes + this.#poolBytes > this.#totalBytes && this.#idle?.removeOldest());
    const taken = this.#takenBytes;
    if (taken + this.#poolBytes > this.#totalBytes) {
      throw new LanternError(
        'resource-exhausted',
        `make a pool of ${this.#poolBytes} bytes for "${domain}": the other pools take ${taken} of the ${this.#totalBytes} bytes allowed for all together; unmount volumes, or start with a smaller --pool-size or a larger --pool-total`,
        { reason: 'POOL_FULL' },
      );
    }
    const directory = join(this.directory, name);
    try {
      makeDirectories(directory, 0o700);
      const inodes = Math.max(MIN_INODES, Math.floor(this.#poolBytes / BYTES_PER_INODE));
      this.#mounter.mountPool(directory, { bytes: this.#poolBytes, inodes });
    } catch (error) {
      removeIfEmpty(directory);
      throw toLanternError(error, `mount a pool for "${domain}" on "${directory}"`);
    }
    const { device } = this.#mounter.identify(directory);
    const pool = emptyPool({ directory, device, bytes: this.#poolBytes });
    this.#add(pool);
    return pool;
  }

  #add(pool: Pool): void {
    this.#pools.set(basename(pool.directory), pool);
    this.#byDevice.set(pool.device, pool);
    this.#takenBytes += pool.bytes;
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.directory);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw toLanternError(error, `read the pools' directory "${this.directory}"`);
    }
  }
}

/** False if something could not be removed: it may be secret, so the pool is not kept. */
function isEmpty(pool: Pool): boolean {
  try {
    return readdirSync(pool.directory).length === 0;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Anything in the way was there before. The caller reports the failed mount.
  }
}

/** In bytes; the kernel prints it in KiB. */
function sizeOf(mount: MountEntry): number | undefined {
  const kibibytes = mount.superOptions.map((option) => /^size=(\d+)k$/.exec(option)?.[1]).find(Boolean);
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

export type Pool = {
  readonly directory: string;
  /** `major:minor` of the tmpfs. */
  readonly device: string;
  readonly bytes: number;
  /** Directory names of the volumes in it. Without any, the pool is removed, at once or after a while. */
  readonly homes: Set<string>;
  readonly retired: RetiredRoom;
  readonly room: PoolRoom;
};

function emptyPool(facts: Pick<Pool, 'directory' | 'device' | 'bytes'>): Pool {
  return { ...facts, homes: new Set(), retired: new RetiredRoom(facts.bytes * RETIRED_PART), room: new PoolRoom() };
}

export function poolIsGone(pool: Pool, tried: string): LanternError {
  return new LanternError(
    'unavailable',
    `${tried}: somebody else unmounted the pool "${pool.directory}"; restart the daemon, then mount its volumes again`,
  );
}

export function poolIsFull(pool: Pool, tried: string, cause: unknown): LanternError {
  return new LanternError(
    'resource-exhausted',
    `${tried}: the pool "${pool.directory}" of ${pool.bytes} bytes is full; the old contents stay; unmount volumes, or start with a larger --pool-size`,
    { cause, reason: 'POOL_FULL' },
  );
}

/** In milliseconds: how long an empty pool waits for the next volume of its domain. */
export const IDLE_MS = 10_000;
/** Maximum number of empty pools. Beyond it, the one that waited longest is removed. */
export const MAX_IDLE = 8;

/** Keeps empty pools for a while, since mounting and unmounting one takes longer than all else of a publish. */
class IdlePools implements Disposable {
  readonly #clock: Clock;
  readonly #remove: (pool: Pool) => void;
  /** Timers that end the wait. The pool that waits longest is first. */
  readonly #waiting = new Map<Pool, Disposable>();

  /** If `remove` fails with a LanternError, the pool stays until the next volume of its domain has left it. */
  constructor(clock: Clock, remove: (pool: Pool) => void) {
    this.#clock = clock;
    this.#remove = remove;
  }

  keep(pool: Pool): void {
    if (this.#waiting.size >= MAX_IDLE) this.removeOldest();
    this.#waiting.set(
      pool,
      this.#clock.after(IDLE_MS, () => this.#end(pool)),
    );
  }

  forget(pool: Pool): void {
    this.#waiting.get(pool)?.[Symbol.dispose]();
    this.#waiting.delete(pool);
  }

  removeOldest(): boolean {
    for (const pool of this.#waiting.keys()) {
      this.#end(pool);
      return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    while (this.removeOldest());
  }

  #end(pool: Pool): void {
    this.forget(pool);
    try {
      this.#remove(pool);
    } catch (error) {
      // No request waits for it, and the pool is empty.
      if (!(error instanceof LanternError)) throw error;
    }
  }
}
