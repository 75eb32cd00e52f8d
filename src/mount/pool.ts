import { LanternError } from '../base/errors.ts';
import { RETIRED_PART, RetiredRoom } from '../volume/retired-room.ts';

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
export function emptyPool(facts: Pick<Pool, 'directory' | 'device' | 'bytes'>): Pool {
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
