import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { HostedVolume, Publisher } from '../../src/mount/publisher.ts';
import type { ManualClock } from '../support/suite/clocks.ts';
import { payloadOf, volumeId } from '../support/volume/volume-content.ts';

/** One host with one publisher on it. Disposal takes everything away, mounts included. */
export interface PublisherWorld extends Disposable {
  readonly clock: ManualClock;
  /** A directory below the target roots, empty at first. */
  readonly targets: string;
  /** A publisher on the world's run directory; one after another, never two that live. */
  start(): Publisher;
  /**
   * Every mount and file that is there, but for the targets' directory: equal before and after means nothing is left.
   */
  inventory(): readonly string[];
  /** Where the record of a volume is. */
  recordFile(volume: HostedVolume): string;
}

/** Where a way of publishing is known to differ from the contract's strongest reading. */
export type PublisherDeviations = {
  /** Mount flags are refused. */
  readonly refusesFlags?: boolean;
  /** Root can write to a publication, because it is not a mount. */
  readonly isWritableByOwner?: boolean;
  /** A directory's contents are not visible at targets: the mounter only records. */
  readonly showsNothing?: boolean;
  /** Each publication costs a descriptor for as long as it lives. */
  readonly keepsDescriptors?: boolean;
};

export const ID = volumeId('db');
export const FIRST = payloadOf({ user: { text: 'admin', mode: 0o400 }, 'tls/key': 'k1', 'tls/crt': 'c1' });
export const SECOND = payloadOf({ user: 'root', 'tls/key': 'k2', added: 'x' });
/** Longer than a replaced generation is kept, in milliseconds. */
export const RETIREMENT_MS = 10_000;

/** A new world's publisher with the volume `db`, FIRST written, and a target that is not there yet. */
export function arrange(world: PublisherWorld): {
  readonly publisher: Publisher;
  readonly volume: HostedVolume;
  readonly target: string;
} {
  const publisher = world.start();
  publisher.resume();
  const volume = publisher.open(ID, 'default');
  volume.write(FIRST);
  return { publisher, volume, target: join(world.targets, 'a') };
}

/** Path → text of all files a reader finds through the visible names. */
export function contents(directory: string): Record<string, string> {
  const found: [string, string][] = [];
  const walk = (path: string, prefix: string): void => {
    for (const name of readdirSync(path).sort()) {
      if (name.startsWith('..')) continue;
      if (statSync(join(path, name)).isDirectory()) walk(join(path, name), `${prefix}${name}/`);
      else found.push([`${prefix}${name}`, readFileSync(join(path, name), 'utf8')]);
    }
  };
  walk(directory, '');
  return Object.fromEntries(found);
}

/** Until what was written is so long ago that a stamp of it is trusted; the world's clock then shows the time it is. */
export async function settle({ clock }: PublisherWorld): Promise<void> {
  const written = Date.now();
  await vi.waitUntil(() => Date.now() > written + 40, { interval: 5 });
  clock.advance(Math.max(0, Date.now() - clock.now()));
}
