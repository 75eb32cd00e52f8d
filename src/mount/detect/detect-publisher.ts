import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { nodeFileSystem, stampsBy, type VolumeFs } from '../../volume/file-system.ts';
import { BindPublisher } from '../bind/bind-publisher.ts';
import { Pools } from '../bind/pools.ts';
import { DirectPublisher } from '../direct/direct-publisher.ts';
import { isSwapOn, poolCautions } from '../host-file-systems.ts';
import { LinuxMounter } from '../linux/linux-mounter.ts';
import { AT_FDCWD, stampAt } from '../linux/system-calls.ts';
import type { Publisher } from '../publisher.ts';
import { TargetRoots } from '../targets/target-roots.ts';
import { type BindProbe, probeBind } from './probe-bind.ts';

export type PublisherOptions = {
  /** `auto`: `bind` if it works, else `direct`. */
  readonly kind: 'auto' | 'bind' | 'direct';
  /** The daemon's own directory, created (0700) if missing. */
  readonly runDirectory: string;
  readonly targetRoots: readonly string[];
  /** The daemon's own files and directories besides the run directory, for `TargetRoots`. */
  readonly ownPlaces?: readonly string[];
  /** A directory of the daemon's own for targets of its plugin. */
  readonly pluginTargets?: string | undefined;
  readonly poolBytes: number;
  readonly poolTotalBytes: number;
  /** Keeps an empty pool for a while, for the next volume of its domain. */
  readonly keepIdlePools?: boolean;
  /** Refuses to start if secrets could be swapped out. */
  readonly requireNoswap: boolean;
  /** Lets `direct` write to a real disk. */
  readonly allowDisk: boolean;
  /** Lets `direct` use targets in directories that others can write to. */
  readonly directInSharedDirectories: boolean;
  readonly clock: Clock;
  readonly log?: Log;
};

/**
 * Selects a publisher that works, tested by mounting in a scratch directory. Throws `failed-precondition` if the
 * requested kind does not work, or if secrets could be swapped out despite `requireNoswap`.
 */
export function detectPublisher(options: PublisherOptions): Publisher {
  const runDirectory = makeRunDirectory(options.runDirectory);
  const targets = new TargetRoots(
    options.targetRoots,
    [runDirectory, ...(options.ownPlaces ?? [])],
    options.pluginTargets,
  );
  if (options.kind !== 'direct') {
    const probe = probeBind(runDirectory);
    if (probe.works) return bindPublisher(probe, runDirectory, targets, options);
    if (options.kind === 'bind') throw bindImpossible(probe.obstacle);
    options.log?.info(
      { obstacle: probe.obstacle },
      'bind mounts do not work here; volumes are written into each target',
    );
  }
  if (options.requireNoswap && isSwapOn()) throw swappable('the file systems of its targets are not its own');
  const { clock, allowDisk, directInSharedDirectories: inSharedDirectories } = options;
  return new DirectPublisher({ runDirectory, targets, clock, allowDisk, inSharedDirectories });
}

function bindPublisher(
  probe: BindProbe & { readonly works: true },
  runDirectory: string,
  targets: TargetRoots,
  options: PublisherOptions,
): Publisher {
  if (options.poolBytes > options.poolTotalBytes) throw tooLargeAPool(options);
  const { noswap, canChangeOwners } = probe;
  if (options.requireNoswap && !noswap && isSwapOn()) throw swappable('the kernel lacks noswap for tmpfs (Linux 6.4)');
  const mounter = new LinuxMounter({ noswap });
  const pools = new Pools({
    mounter,
    directory: join(runDirectory, 'pools'),
    poolBytes: options.poolBytes,
    totalBytes: options.poolTotalBytes,
    idleClock: options.keepIdlePools ? options.clock : undefined,
  });
  const cautions = poolCautions(mounter, runDirectory, noswap);
  return new BindPublisher({
    mounter,
    pools,
    targets,
    fs: hostFileSystem,
    clock: options.clock,
    canChangeOwners,
    cautions,
  });
}

function makeRunDirectory(path: string): string {
  try {
    makeDirectories(path, 0o700);
    return realpathSync(path);
  } catch (error) {
    throw toLanternError(error, `make the run directory "${path}"`);
  }
}

function bindImpossible(obstacle: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `use the bind publisher: ${obstacle}; run with CAP_SYS_ADMIN on Linux 5.12 or newer, or use --publisher direct`,
  );
}

function tooLargeAPool({ poolBytes, poolTotalBytes }: PublisherOptions): LanternError {
  return new LanternError(
    'failed-precondition',
    `make pools of ${poolBytes} bytes: all together are limited to ${poolTotalBytes} (by default half of the memory), so no volume could be mounted; use a smaller --pool-size, or a larger --pool-total`,
  );
}

function swappable(reason: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `keep secrets out of swap, as --require-noswap asks: swap is on, and ${reason}; turn swap off, or leave the flag out`,
  );
}

/** The host's file system with a faster `stamps`, which every look at a volume calls. */
export const hostFileSystem: VolumeFs = {
  ...nodeFileSystem,
  stamps: (paths) => stampsBy(paths, (path) => stampAt(AT_FDCWD, path)),
};
