import { hash } from 'node:crypto';
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { readUsage } from '../../volume/file-system.ts';
import { RETIRED_PART, RetiredRoom } from '../../volume/retirement.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import { type Mounter, POOL_SOURCE, type PoolLimits } from '../linux/mounter.ts';
import type { PoolTotals } from '../publisher.ts';

type PoolsOptions = {
  readonly mounter: Mounter;
  /** Where the pools' directories are: a real path, as the mount table shows it. */
  readonly directory: string;
  /** Size of each pool, in bytes. */
  readonly poolBytes: number;
  /** What all pools together may take: their pages are charged to the daemon and cannot be reclaimed. */
  readonly totalBytes: number;
  /** Times how long an empty pool waits for the next volume of its domain. Without it, it goes with its last volume. */
  readonly idleClock?: Clock | undefined;
};

/**
 * A tmpfs has room for one inode per KiB: a volume of three small files takes about fifteen, with the generation that
 * is about to be retired, in some 30 KiB.
 */
const BYTES_PER_INODE = 1024;
const MIN_INODES = 1024;

/** The pools of this daemon: made with their first volume, taken away with their last, or a little later. */
export class Pools implements Disposable {
  readonly directory: string;
  readonly #mounter: Mounter;
  readonly #poolBytes: number;
  readonly #totalBytes: number;
  readonly #pools = new Map<string, Pool>();
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

  /** One statfs(2) for each; a pool that somebody unmounted counts as empty. */
  totals(): PoolTotals {
    const pools = this.all();
    const used = pools.map((pool) => (this.isThere(pool) ? readUsage(pool.directory).usedBytes : 0));
    return {
      pools: pools.length,
      usedBytes: used.reduce((sum, bytes) => sum + bytes, 0),
      sizeBytes: this.#takenBytes(),
      limitBytes: this.#totalBytes,
    };
  }

  /**
   * The domain's pool with `home` in it, mounted when it is the first. `resource-exhausted` past the cap over all pools,
   * `unavailable` when somebody else took the pool's mount away.
   */
  join(domain: string, home: string): Pool {
    const name = poolName(domain);
    const pool = this.#standing(name, domain) ?? this.#create(name, domain);
    this.#idle?.forget(pool);
    pool.homes.add(home);
    return pool;
  }

  /** Whether it is still mounted. */
  isThere(pool: Pool): boolean {
    try {
      return this.#mounter.identify(pool.directory).device === pool.device;
    } catch {
      return false;
    }
  }

  /** Takes the home, which is removed, out; and the pool away when it was the last, unless it is kept for a while. */
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
    for (const [name, other] of this.#pools) if (other === pool) this.#pools.delete(name);
  }

  /**
   * Takes over the pools an earlier daemon left mounted, with whatever size they have; their homes are the caller's to
   * fill in. A pool's directory without its mount is a leftover, and removed.
   */
  restore(table: readonly MountEntry[]): readonly Pool[] {
    for (const name of this.#names()) {
      const directory = join(this.directory, name);
      const mount = table.findLast(({ mountPoint }) => mountPoint === directory);
      if (mount?.source === POOL_SOURCE && mount.fileSystem === 'tmpfs') {
        const bytes = sizeOf(mount) ?? this.#poolBytes;
        this.#pools.set(name, emptyPool({ directory, device: mount.device, bytes }));
      } else if (!table.some(({ mountPoint }) => `${mountPoint}/`.startsWith(`${directory}/`))) {
        rmSync(directory, { recursive: true, force: true });
      }
    }
    return this.all();
  }

  /** Takes the empty pools away that are still kept. */
  [Symbol.dispose](): void {
    this.#idle?.[Symbol.dispose]();
  }

  /** The domain's pool, where it has one. An empty one that somebody else took away is nobody's loss. */
  #standing(name: string, domain: string): Pool | undefined {
    const pool = this.#pools.get(name);
    if (pool === undefined || this.isThere(pool)) return pool;
    // What is written to its bare directory would be on whatever file system that is on.
    if (pool.homes.size > 0) throw poolIsGone(pool, `use the pool of "${domain}"`);
    this.remove(pool);
    return undefined;
  }

  #create(name: string, domain: string): Pool {
    while (this.#takenBytes() + this.#poolBytes > this.#totalBytes && this.#idle?.removeOldest());
    const taken = this.#takenBytes();
    if (taken + this.#poolBytes > this.#totalBytes) {
      throw new LanternError(
        'resource-exhausted',
        `make a pool of ${this.#poolBytes} bytes for "${domain}": the other pools take ${taken} of the ${this.#totalBytes} bytes that all together may have; unmount volumes, or start with a smaller --pool-size or a larger --pool-total`,
        { reason: 'POOL_FULL' },
      );
    }
    const directory = join(this.directory, name);
    try {
      makeDirectories(directory, 0o700);
      this.#mounter.mountPool(directory, limitsOf(this.#poolBytes));
    } catch (error) {
      removeIfEmpty(directory);
      throw toLanternError(error, `mount a pool for "${domain}" on "${directory}"`);
    }
    const { device } = this.#mounter.identify(directory);
    const pool = emptyPool({ directory, device, bytes: this.#poolBytes });
    this.#pools.set(name, pool);
    return pool;
  }

  #takenBytes(): number {
    return this.all().reduce((sum, { bytes }) => sum + bytes, 0);
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

/** What could not be removed, secrets perhaps, shall not outlive the last volume. */
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
    // What stands in the way stood there before; the mount's own failure is what is reported.
  }
}

/** The domain is the requester's text: hashed, it is a file name of fixed length that leads nowhere else. */
function poolName(domain: string): string {
  return hash('sha256', domain, 'hex').slice(0, 32);
}

function limitsOf(bytes: number): PoolLimits {
  return { bytes, inodes: Math.max(MIN_INODES, Math.floor(bytes / BYTES_PER_INODE)) };
}

/** The kernel prints a tmpfs' size in KiB. */
function sizeOf(mount: MountEntry): number | undefined {
  const kibibytes = mount.superOptions.map((option) => /^size=(\d+)k$/.exec(option)?.[1]).find(Boolean);
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** One tmpfs and the volumes that share it. */
export type Pool = {
  readonly directory: string;
  /** `major:minor` of the tmpfs. */
  readonly device: string;
  readonly bytes: number;
  /** The directory names of the volumes in it. Without any, the pool goes, at once or after a while. */
  readonly homes: Set<string>;
  /** What its replaced generations take. */
  readonly retired: RetiredRoom;
};

/** A pool without volumes. */
function emptyPool(facts: Pick<Pool, 'directory' | 'device' | 'bytes'>): Pool {
  return { ...facts, homes: new Set(), retired: new RetiredRoom(facts.bytes * RETIRED_PART) };
}

export function poolIsGone(pool: Pool, tried: string): LanternError {
  return new LanternError(
    'unavailable',
    `${tried}: the pool "${pool.directory}" was unmounted by somebody else; restart the daemon, then mount its volumes again`,
  );
}

export function poolIsFull(pool: Pool, tried: string, cause: unknown): LanternError {
  return new LanternError(
    'resource-exhausted',
    `${tried}: the pool "${pool.directory}" of ${pool.bytes} bytes is full; what was there stays; unmount volumes, or start with a larger --pool-size`,
    { cause, reason: 'POOL_FULL' },
  );
}

/** How long an empty pool waits for the next volume of its domain, in milliseconds. */
export const IDLE_MS = 10_000;
/** Empty pools at most; beyond, the one that waited longest goes. */
export const MOST_IDLE = 8;

/** Empty pools that are kept mounted for a while: making one and taking it away costs more than all else of a mount. */
class IdlePools implements Disposable {
  readonly #clock: Clock;
  readonly #remove: (pool: Pool) => void;
  /** With what ends their wait; the one that waits longest first. */
  readonly #waiting = new Map<Pool, Disposable>();

  /** `remove` may fail with a LanternError: the pool then stays until its domain's next volume has left it. */
  constructor(clock: Clock, remove: (pool: Pool) => void) {
    this.#clock = clock;
    this.#remove = remove;
  }

  /** The pool is empty: from now on it waits. */
  keep(pool: Pool): void {
    if (this.#waiting.size >= MOST_IDLE) this.removeOldest();
    this.#waiting.set(
      pool,
      this.#clock.after(IDLE_MS, () => this.#end(pool)),
    );
  }

  /** The pool waits no longer, as it is used, or gone. */
  forget(pool: Pool): void {
    this.#waiting.get(pool)?.[Symbol.dispose]();
    this.#waiting.delete(pool);
  }

  /** Makes room for another pool; false when none waits. */
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
      // Nobody's request hangs on it, and it holds nothing.
      if (!(error instanceof LanternError)) throw error;
    }
  }
}
