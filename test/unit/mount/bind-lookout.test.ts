import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SystemCallError } from '../../../src/base/errors.ts';
import { finish, inOneStep, PATIENCE_MS, Slices, type Steps } from '../../../src/base/steps.ts';
import { BindLookout, LOOK_PAUSE_MS } from '../../../src/mount/bind-lookout.ts';
import { type MountEntry, type MountTable, parseMountinfo } from '../../../src/mount/linux/mount-table.ts';
import type { HostedVolume } from '../../../src/mount/publisher.ts';
import { isGenerationName } from '../../../src/volume/layout.ts';
import { type FileSystemPlace, RETIREMENT_MS } from '../../../src/volume/retirement.ts';
import { RecordedWorld } from '../../support/mount/recorded-world.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { payloadOf, volumeId } from '../../support/volume/volume-content.ts';

const isOwnPlace = ({ directory }: FileSystemPlace) => directory === '/v/data';
const contentsOf = (text: string) => payloadOf({ 'd/key': text });

class Scene extends RecordedWorld {
  readonly publisher = this.start();
  #mounts = 0;

  open(id: string): HostedVolume {
    const volume = this.publisher.open(volumeId(id), 'default');
    volume.write(contentsOf('first'));
    return volume;
  }

  /** A directory of the volume's current generation, by its path in the pool. */
  current({ directoryName, generation }: HostedVolume): string {
    return this.pool(directoryName, 'data', generation ?? '', 'd');
  }

  generations({ directoryName }: HostedVolume): readonly string[] {
    return readdirSync(this.pool(directoryName, 'data')).filter(isGenerationName);
  }

  /** Mounts something unrelated. */
  disturb(): void {
    this.#mounts += 1;
    mkdirSync(join(this.targets, `other ${this.#mounts}`));
    this.mounter.bindByOthers(this.targets, join(this.targets, `other ${this.#mounts}`));
  }
}

describe('looks at the mount table', () => {
  test('are none while nothing is to be retired, and none before a change shows', () => {
    using scene = new Scene();
    const volume = scene.open('v');
    volume.publish(join(scene.targets, 'a'), undefined, []);
    for (let round = 0; round < 10; round += 1) {
      volume.write(contentsOf('first'));
      volume.look();
      scene.disturb();
      scene.clock.advance(60_000);
    }
    volume.write(contentsOf('second'));
    scene.clock.advance(RETIREMENT_MS - 1);
    expect(scene.mounter.looks).toBe(0);
    scene.clock.advance(1);
    expect(scene.mounter.looks).toBe(1);
    expect(scene.generations(volume)).toEqual([volume.generation]);
  });

  test('are one for all volumes that were updated at a time', () => {
    using scene = new Scene();
    const volumes = Array.from({ length: 50 }, (_, index) => scene.open(`v${index}`));
    for (const volume of volumes) {
      volume.write(contentsOf('second'));
      scene.clock.advance(10);
    }
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.mounter.looks).toBe(1);
    for (const volume of volumes) expect(scene.generations(volume)).toEqual([volume.generation]);
  });

  test('are one a second at most while others mount all the time, and nothing stays for it', () => {
    using scene = new Scene();
    const volume = scene.open('v');
    const seconds = 20;
    for (let turn = 0; turn < seconds * 20; turn += 1) {
      volume.write(contentsOf(`turn ${turn}`));
      scene.disturb();
      scene.clock.advance(50);
    }
    expect(scene.mounter.looks).toBeGreaterThan(seconds / 2);
    expect(scene.mounter.looks).toBeLessThanOrEqual(seconds + 1);
    expect(scene.generations(volume).length).toBeLessThan((20 * (RETIREMENT_MS + 2 * LOOK_PAUSE_MS)) / 1_000);
    scene.clock.advance(RETIREMENT_MS + LOOK_PAUSE_MS);
    expect(scene.generations(volume)).toEqual([volume.generation]);
  });

  test('that were over before a generation had its time say nothing of it', () => {
    using scene = new Scene();
    const [early, late] = [scene.open('early'), scene.open('late')];
    early.write(contentsOf('second'));
    scene.clock.advance(LOOK_PAUSE_MS / 2);
    const part = scene.current(late);
    late.write(contentsOf('second'));
    scene.clock.advance(RETIREMENT_MS - LOOK_PAUSE_MS / 2);
    expect([scene.generations(early).length, scene.mounter.looks]).toEqual([1, 1]);
    // By one that had followed `..data` before.
    scene.mounter.bindByOthers(part, join(scene.targets, 'a'));
    scene.clock.advance(60_000);
    expect(scene.generations(late)).toHaveLength(2);
    expect(readFileSync(join(part, 'key'), 'utf8')).toBe('first');
  });
});

describe('what others bound', () => {
  test('stays for that long, is asked about by looks at the volume alone, and takes no part in the room of replaced ones', () => {
    using scene = new Scene();
    const volume = scene.open('v');
    const part = scene.current(volume);
    scene.mounter.bindByOthers(part, join(scene.targets, 'a'));
    const large = (fill: string) => payloadOf({ fill: fill.repeat(60_000) });
    for (const fill of 'abcdefghijkl') {
      volume.write(large(fill));
      scene.clock.advance(600);
    }
    scene.clock.advance(60_000);
    const { looks } = scene.mounter;
    scene.mounter.unbindByOthers(join(scene.targets, 'a'));
    scene.clock.advance(600_000);
    expect([scene.generations(volume).length, scene.mounter.looks]).toEqual([2, looks]);
    expect(readFileSync(join(part, 'key'), 'utf8')).toBe('first');
    volume.look();
    expect([scene.generations(volume), scene.mounter.looks]).toEqual([[volume.generation], looks + 1]);
  });

  test('goes with its volume, without a look', () => {
    using scene = new Scene();
    const volume = scene.open('v');
    scene.mounter.bindByOthers(scene.current(volume), join(scene.targets, 'a'));
    volume.write(contentsOf('second'));
    scene.clock.advance(RETIREMENT_MS);
    volume.write(contentsOf('third'));
    scene.disturb();
    const { looks } = scene.mounter;
    volume.remove();
    expect([scene.mounter.looks, scene.clock.pending]).toEqual([looks, 0]);
    expect(readdirSync(scene.pools)).toEqual([]);
  });

  test.each([
    ['another volume', 'other', 'd'],
    ['the whole volume', 'v', '..'],
  ])('of %s keeps nothing of this one', (_name, id, below) => {
    using scene = new Scene();
    const volume = scene.open('v');
    const bound = id === 'v' ? volume : scene.open(id);
    // Both have generations of this name.
    expect(bound.generation).toBe(volume.generation);
    scene.mounter.bindByOthers(join(scene.current(bound), '..', below), join(scene.targets, 'a'));
    volume.write(contentsOf('second'));
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.generations(volume)).toEqual([volume.generation]);
  });
});

/** A table with settable contents, which can be made to fail. */
class FaultyTable implements MountTable {
  text = '';
  isFailing = false;
  reads = 0;

  hasChanged(): boolean {
    this.#fail();
    return true;
  }

  reading(isWanted: (line: string) => boolean): Steps<readonly MountEntry[]> {
    this.reads += 1;
    this.#fail();
    return inOneStep(() => parseMountinfo(this.text.split('\n').filter(isWanted).join('\n')));
  }

  #fail(): void {
    if (this.isFailing) throw new SystemCallError(24, 'open', '/proc/self/mountinfo');
  }

  [Symbol.dispose](): void {}
}

test('a look that somebody needs soon does not give way, and takes what waits along', async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock);
  using lookout = new BindLookout({ table: new FaultyTable(), clock, slices });
  let isOver = false;
  const endless = function* (): Steps<void> {
    for (; !isOver; clock.advance(1)) yield;
  };
  const others = [1, 2].map(() => slices.run(endless()));
  const began = clock.monotonic();
  const done: string[] = [];
  await new Promise<void>((resolve) => {
    lookout.afterLook(() => inOneStep(() => void done.push('patient')));
    lookout.afterLook(() => inOneStep(resolve), true);
  });
  isOver = true;
  await Promise.all(others);
  expect(done).toEqual(['patient']);
  expect(clock.monotonic() - began).toBeLessThan(PATIENCE_MS / 10);
});

describe('a mount table that cannot be read', () => {
  test('lets nobody remove anything, and is read again a second later', () => {
    const clock = new ManualClock();
    const table = new FaultyTable();
    table.isFailing = true;
    using lookout = new BindLookout({ table, clock, slices: new Slices(clock) });
    const done: string[] = [];
    lookout.afterLook(() => inOneStep(() => void done.push('a')));
    expect(finish(lookout.looking())).toBe(false);
    clock.advance(10 * LOOK_PAUSE_MS);
    expect(done).toEqual([]);
    table.isFailing = false;
    table.text = '9 1 0:1 /v/data/..2026_11_23_19_24_08.000000000/d /x rw - tmpfs lantern rw';
    clock.advance(LOOK_PAUSE_MS);
    expect(done).toEqual(['a']);
    const shown = ['..2026_11_23_19_24_08.000000000', '..2026_11_23_19_24_08.000000001'].map((name) =>
      lookout.showAny(name, isOwnPlace),
    );
    expect(shown).toEqual([true, false]);
  });

  test('whose newer reading ended first is not overruled by an older one', () => {
    const clock = new ManualClock();
    const table = new FaultyTable();
    using lookout = new BindLookout({ table, clock, slices: new Slices(clock) });
    const older = lookout.looking();
    older.next();
    const newer = lookout.looking();
    newer.next();
    table.text = '9 1 0:1 /v/data/..2026_11_23_19_24_08.000000000/d /x rw - tmpfs lantern rw';
    finish(newer);
    table.text = '';
    finish(older);
    expect(lookout.showAny('..2026_11_23_19_24_08.000000000', isOwnPlace)).toBe(true);
  });
});
