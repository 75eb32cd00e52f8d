import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { detectPublisher, type PublisherOptions } from '../../../src/mount/detect/detect-publisher.ts';
import type { HostedVolume, Publisher } from '../../../src/mount/publisher.ts';
import type { PublisherWorld } from '../../contract/publisher-world.ts';
import { MountFixture } from '../host/mounts.ts';
import { ManualClock } from '../suite/clocks.ts';
import { payloadOf, volumeId } from '../volume/volume-content.ts';

/** A real host, as far as one directory of it goes. Needs root. */
export class BindWorld implements PublisherWorld {
  readonly clock = new ManualClock();
  readonly fixture = new MountFixture();
  readonly targets = this.fixture.at('targets');
  readonly run = this.fixture.at('run');
  readonly #overrides: Partial<PublisherOptions>;

  constructor(overrides: Partial<PublisherOptions> = {}) {
    this.#overrides = overrides;
    mkdirSync(this.targets);
  }

  start(): Publisher {
    return detectPublisher({
      kind: 'bind',
      runDirectory: this.run,
      targetRoots: [this.targets],
      poolBytes: 1024 * 1024,
      poolTotalBytes: 16 * 1024 * 1024,
      requireNoswap: false,
      allowDisk: false,
      directInSharedDirectories: false,
      clock: this.clock,
      ...this.#overrides,
    });
  }

  /** `root on mount point` of every mount, in the table's order. */
  mounts(): readonly string[] {
    return this.fixture.mounts().map(({ root, mountPoint }) => `${root} on ${mountPoint}`);
  }

  inventory(): readonly string[] {
    const files = readdirSync(this.fixture.path, { recursive: true, encoding: 'utf8' });
    return [...this.mounts(), ...files].filter((path) => !IGNORED.test(path)).sort();
  }

  recordFile(volume: HostedVolume): string {
    const pools = join(this.run, 'pools');
    const pool = readdirSync(pools).find((name) => readdirSync(join(pools, name)).includes(volume.directoryName));
    return join(pools, pool ?? '', volume.directoryName, 'record.json');
  }

  [Symbol.dispose](): void {
    this.fixture[Symbol.dispose]();
  }
}

/** The volume `db` on a world's first publisher, `key` written, and a target that is not there yet. */
export function hostVolume(world: BindWorld): {
  readonly publisher: Publisher;
  readonly volume: HostedVolume;
  readonly target: string;
} {
  const publisher = world.start();
  publisher.resume();
  const volume = publisher.open(volumeId('db'), 'default');
  volume.write(payloadOf({ key: 'one' }));
  return { publisher, volume, target: join(world.targets, 'a') };
}

/** The targets' contents are asserted separately; the run directory is made by the first start. */
const IGNORED = /^(targets\/|run$|run\/pools$)/;
