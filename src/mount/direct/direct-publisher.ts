import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { Slices } from '../../base/steps.ts';
import type { VolumeId } from '../../spec/volume-spec.ts';
import { nodeFileSystem } from '../../volume/file-system.ts';
import { volumeDirectoryName } from '../../volume/layout.ts';
import { type KeptInputs, type parseRecord, recordParser } from '../../volume/record.ts';
import { RetirementQueue } from '../../volume/retirement.ts';
import { VolumeHome } from '../../volume/volume-home.ts';
import { BindLookout } from '../bind-lookout.ts';
import { isInMemory, isSwapOn } from '../host-file-systems.ts';
import { type MountTable, ProcMountTable } from '../linux/mount-table.ts';
import type { HostedVolume, PoolTotals, Publisher, ResumedVolume } from '../publisher.ts';
import type { TargetRoots } from '../targets/target-roots.ts';
import { DirectVolume } from './direct-volume.ts';
import { type Ownership, readOwnership } from './ownership.ts';
import { DirectTargets } from './targets.ts';

type DirectPublisherOptions = {
  /** Exists and belongs to the daemon. Records are kept in `direct/` below it. */
  readonly runDirectory: string;
  readonly targets: TargetRoots;
  readonly clock: Clock;
  /** Allows writing secret bytes to a real disk. */
  readonly allowDisk: boolean;
  /** Allows targets where others than root and the daemon's user can write. */
  readonly inSharedDirectories: boolean;
  /** Read from the kernel by default, as is `table`. */
  readonly ownership?: Ownership;
  readonly table?: MountTable;
};

/** Renders volumes in their targets, without privilege or mount. Claims record what is the daemon's, for one boot. */
export class DirectPublisher implements Publisher {
  readonly kind = 'direct';
  readonly #directory: string;
  readonly #runDirectory: string;
  readonly #allowDisk: boolean;
  readonly #inSharedDirectories: boolean;
  readonly #clock: Clock;
  readonly #slices: Slices;
  readonly #lookout: BindLookout;
  readonly #retirements: RetirementQueue;
  readonly #ownership: Ownership;
  readonly #roots: TargetRoots;
  readonly #targets: DirectTargets;
  readonly #volumes = new Map<string, DirectVolume>();

  constructor(options: DirectPublisherOptions) {
    this.#runDirectory = options.runDirectory;
    this.#directory = join(options.runDirectory, 'direct');
    this.#allowDisk = options.allowDisk;
    this.#inSharedDirectories = options.inSharedDirectories;
    this.#clock = options.clock;
    this.#slices = new Slices(options.clock);
    const { table = new ProcMountTable(), clock } = options;
    this.#lookout = new BindLookout({ table, clock, slices: this.#slices });
    this.#retirements = new RetirementQueue({ clock, binds: this.#lookout });
    this.#ownership = options.ownership ?? readOwnership();
    this.#roots = options.targets;
    this.#targets = new DirectTargets({
      roots: options.targets,
      allowDisk: options.allowDisk,
      inSharedDirectories: options.inSharedDirectories,
      daemon: { user: this.#ownership.user, group: process.getegid?.() ?? -1 },
    });
  }

  get canChangeOwners(): boolean {
    return this.#ownership.canChangeOwners;
  }

  get cautions(): readonly string[] {
    const cautions = ['targets are read-only by convention only: a process of the same user can write to them'];
    if (isSwapOn()) cautions.push('targets can be swapped out to disk: swap is on; turn it off, or encrypt it');
    if (this.#allowDisk) cautions.push('secrets may reach a disk: targets and run directory are not checked');
    if (this.#inSharedDirectories)
      cautions.push('whoever can write to a directory can move or remove the targets in it');
    return cautions;
  }

  resume(): readonly ResumedVolume[] {
    makeDirectories(this.#directory, 0o700);
    const entries = readdirSync(this.#directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const parse = recordParser();
    return entries.flatMap((entry) => this.#resumeOne(entry.name, parse) ?? []);
  }

  realTarget(target: string): string {
    return this.#roots.tryResolve(target) ?? target;
  }

  open(volumeId: VolumeId, _domain: string): HostedVolume {
    const directoryName = volumeDirectoryName(volumeId);
    const known = this.#volumes.get(directoryName);
    if (known !== undefined) return known;
    const { volume, home } = this.#host(directoryName);
    try {
      makeDirectories(this.#directory, 0o700);
      home.create();
    } catch (error) {
      throw toLanternError(error, `make a place for the volume "${volumeId}" in "${this.#directory}"`);
    }
    this.#volumes.set(directoryName, volume);
    return volume;
  }

  /** Without a record, only an empty directory can be removed: a publish would use it, too. */
  clear(_volumeId: VolumeId, target: string): void {
    this.#targets.removeEmptyDirectory(target);
  }

  vanished(): ReadonlyMap<HostedVolume, readonly string[]> {
    return new Map();
  }

  poolTotals(): PoolTotals {
    return { pools: 0, usedBytes: 0, sizeBytes: 0, limitBytes: 0, fullestRatio: 0 };
  }

  removeAll(): void {
    for (const volume of [...this.#volumes.values()]) {
      volume.unpublishAll();
      volume.remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const volume of this.#volumes.values()) volume[Symbol.dispose]();
    this.#volumes.clear();
    this.#lookout[Symbol.dispose]();
  }

  #resumeOne(directoryName: string, parse: typeof parseRecord): ResumedVolume | undefined {
    const { volume, home } = this.#host(directoryName);
    const liveTargets = volume.takeOver();
    if (liveTargets.length > 0) {
      this.#volumes.set(directoryName, volume);
      return { volume, record: home.loadOwnRecord(parse), inputs: home.loadInputs(), liveTargets };
    }
    try {
      volume.remove();
    } catch {
      // Leftovers that cannot be removed must not stop the start. Their claims stay for the next one.
      volume[Symbol.dispose]();
    }
    return undefined;
  }

  #host(directoryName: string): { readonly volume: DirectVolume; readonly home: VolumeHome } {
    const directory = join(this.#directory, directoryName);
    const home = new VolumeHome({ fs: nodeFileSystem, directory });
    const volume = new DirectVolume(directoryName, {
      directory,
      home,
      clock: this.#clock,
      slices: this.#slices,
      retirements: this.#retirements,
      targets: this.#targets,
      ownership: this.#ownership,
      keepable: (inputs) => this.#keepable(inputs),
      onRemove: () => this.#volumes.delete(directoryName),
    });
    return { volume, home };
  }

  /** Secret bytes must not reach a disk. Issued tokens need not be kept: a restarted daemon issues new ones. */
  #keepable(inputs: KeptInputs): KeptInputs | undefined {
    if (this.#allowDisk || isInMemory(this.#runDirectory)) return inputs;
    if (inputs.data.size === 0 && inputs.tokens.size === 0) return undefined;
    throw new LanternError(
      'failed-precondition',
      `keep the request's own data in the run directory "${this.#runDirectory}": it does not lie on a tmpfs or ramfs, so secrets would reach a disk; start with a --run-dir in memory, or with --allow-disk`,
    );
  }
}
