import { mkdirSync } from 'node:fs';
import { DirectPublisher } from '../../../src/mount/direct/direct-publisher.ts';
import type { HostedVolume, Publisher } from '../../../src/mount/publisher.ts';
import { TargetRoots } from '../../../src/mount/targets/target-roots.ts';
import type { PublisherWorld } from '../../contract/publisher-world.ts';
import { listTree } from '../host/list-tree.ts';
import { ManualClock } from '../suite/clocks.ts';
import { TempDir } from '../suite/temp-dir.ts';

/** A directory in memory, with whatever privileges the test has. */
export class DirectWorld implements PublisherWorld {
  readonly clock = new ManualClock();
  readonly #directory = new TempDir('/dev/shm');
  readonly targets = this.#directory.at('targets');
  readonly #run = this.#directory.at('run');
  readonly #inSharedDirectories: boolean;
  #publisher: DirectPublisher | undefined;

  constructor({ inSharedDirectories = false } = {}) {
    this.#inSharedDirectories = inSharedDirectories;
    for (const path of [this.targets, this.#run]) mkdirSync(path);
  }

  start(): Publisher {
    // Everything that matters happens before its first await.
    void this.#publisher?.[Symbol.asyncDispose]();
    const targets = new TargetRoots([this.targets], [this.#run]);
    this.#publisher = new DirectPublisher({
      runDirectory: this.#run,
      targets,
      clock: this.clock,
      allowDisk: false,
      inSharedDirectories: this.#inSharedDirectories,
    });
    return this.#publisher;
  }

  inventory(): readonly string[] {
    return listTree(this.#run).filter((path) => path !== 'direct');
  }

  recordFile(volume: HostedVolume): string {
    return this.#directory.at('run/direct', volume.directoryName, 'record.json');
  }

  [Symbol.dispose](): void {
    void this.#publisher?.[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}
