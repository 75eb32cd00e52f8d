import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BindPublisher } from '../../../src/mount/bind/bind-publisher.ts';
import { Pools } from '../../../src/mount/bind/pools.ts';
import { TargetRoots } from '../../../src/mount/targets/target-roots.ts';
import { nodeFileSystem, type VolumeFs } from '../../../src/volume/file-system.ts';
import type { PublisherWorld } from '../../contract/publisher-world.ts';
import { ManualClock } from '../suite/clocks.ts';
import { TempDir } from '../suite/temp-dir.ts';
import { RecordingMounter } from './recording-mounter.ts';

export const POOL_BYTES = 1024 * 1024;

/** A host whose mount table is in memory: pools are plain directories, targets stay empty. */
export class RecordedWorld implements PublisherWorld {
  readonly clock = new ManualClock();
  readonly mounter = new RecordingMounter();
  readonly #dir = new TempDir();
  readonly targets = this.#dir.at('targets');
  readonly pools = this.#dir.at('run/pools');

  constructor() {
    mkdirSync(this.targets);
  }

  start(overrides: { readonly root?: string; readonly fs?: VolumeFs } = {}): BindPublisher {
    const { mounter, clock } = this;
    return new BindPublisher({
      mounter,
      pools: new Pools({ mounter, directory: this.pools, poolBytes: POOL_BYTES, totalBytes: 2 * POOL_BYTES }),
      targets: new TargetRoots([overrides.root ?? this.targets], [this.#dir.at('run')]),
      fs: overrides.fs ?? nodeFileSystem,
      clock,
      canChangeOwners: false,
      cautions: [],
    });
  }

  inventory(): readonly string[] {
    const mounts = this.mounter.table().map(({ root, mountPoint }) => `${root} on ${mountPoint}`);
    return [...mounts, ...readdirSync(this.#dir.path, { recursive: true, encoding: 'utf8' })]
      .filter((path) => !path.startsWith('targets/') && path !== 'run' && path !== 'run/pools')
      .sort();
  }

  recordFile(volume: { readonly directoryName: string }): string {
    return this.pool(volume.directoryName, 'record.json');
  }

  /** A path in the first pool. */
  pool(...elements: readonly string[]): string {
    return join(this.pools, readdirSync(this.pools)[0] ?? '', ...elements);
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}
