/**
 * The stream of the live page: server-sent events with these names, and these data as JSON. Fields that are undefined
 * are left out. Times are milliseconds since 1970 UTC.
 */
export type Messages = {
  /** The first. `now` is the daemon's clock. */
  readonly start: Start;
  /** New volumes and changed ones, whole. */
  readonly volumes: readonly VolumeRow[];
  /** Ids of volumes that are not mounted any more. */
  readonly gone: readonly string[];
  /** Every volume that was mounted at the start has been sent. */
  readonly listed: null;
  /** New events and repeats, the most recent last. */
  readonly events: readonly EventRow[];
  /** When it has changed. */
  readonly summary: Summary;
};

export type Start = {
  readonly now: number;
  readonly node: string;
  readonly version: string;
  readonly publisher: string;
  readonly store: string;
};

export type VolumeRow = {
  readonly id: string;
  readonly namespace: string;
  readonly state: 'ready' | 'stale' | 'degraded';
  /** Why it is not ready, and since when. */
  readonly reason: string | undefined;
  readonly since: number | undefined;
  readonly generation: string | undefined;
  readonly mountedAt: number | undefined;
  readonly updatedAt: number | undefined;
  readonly pod: string | undefined;
  readonly files: number;
  /** The first ones; `more` counts the others. */
  readonly objects: Some<{ readonly kind: string; readonly name: string; readonly revision: number | undefined }>;
  readonly targets: Some<string>;
  /** Times of the latest swaps since it was mounted, oldest first. */
  readonly swaps: readonly number[];
};

export type Some<T> = { readonly items: readonly T[]; readonly more: number };

export type EventRow = {
  /** The same for all repeats. */
  readonly id: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly message: string;
  readonly count: number;
  readonly lastTime: number;
};

export type Summary = {
  readonly volumes: { readonly ready: number; readonly stale: number; readonly degraded: number };
  readonly targets: number;
  readonly pools: {
    readonly pools: number;
    readonly usedBytes: number;
    readonly sizeBytes: number;
    /** From 0 to 1. */
    readonly fullestRatio: number;
  };
  /** Of the store's server; missing for a store in the daemon's process. */
  readonly contact: { readonly lostSince: number | undefined; readonly problem: string | undefined } | undefined;
  /** The reason why the store refuses writes. */
  readonly writeProblem: string | undefined;
};
