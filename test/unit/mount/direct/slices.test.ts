import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DirectPublisher } from '../../../../src/mount/direct/direct-publisher.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { relativePath } from '../../../support/objects/builders.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';
import { payloadOf, volumeId } from '../../../support/volume/volume-content.ts';

const FILES = 200;

/** Time passes only where work asks for it: a millisecond each time. */
class AskedClock extends ManualClock {
  override monotonic(): number {
    this.advance(1);
    return super.monotonic();
  }
}

const PARTS = [
  ['a volume', undefined],
  ['a copy of a directory', relativePath('d')],
] as const;

class Scene implements AsyncDisposable {
  readonly #dir = new TempDir('/dev/shm');
  readonly target = this.#dir.at('targets/a');
  readonly #run = this.#dir.at('run');
  readonly #publishers: DirectPublisher[] = [];

  constructor() {
    for (const path of ['targets', 'run']) mkdirSync(this.#dir.at(path));
  }

  start(): DirectPublisher {
    const publisher = new DirectPublisher({
      runDirectory: this.#run,
      targets: new TargetRoots([this.#dir.at('targets')], [this.#run]),
      clock: new AskedClock(),
      allowDisk: false,
      inSharedDirectories: false,
    });
    this.#publishers.push(publisher);
    return publisher;
  }

  /** With many files in it, and published. */
  async volume(part: (typeof PARTS)[number][1], files = FILES) {
    const publisher = this.start();
    publisher.resume();
    const volume = publisher.open(volumeId('db'), 'default');
    const names = Array.from({ length: files }, (_, index) => [`d/f${index}`, 'x']);
    await volume.write(payloadOf(Object.fromEntries(names)));
    await volume.publish(this.target, part, []);
    return { publisher, volume };
  }

  get entries(): number {
    return existsSync(this.target) ? listTree(this.target).length : 0;
  }

  get hasClaims(): boolean {
    const homes = this.#dir.at('run/direct');
    return readdirSync(homes).some((name) => existsSync(this.#dir.at('run/direct', name, 'targets.json')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const publisher of this.#publishers) await publisher[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }
}

/** The most entries that went in one turn of the event loop, until `running` ends. */
async function mostPerTurn(scene: Scene, before: number, running: unknown): Promise<number> {
  let [most, last, isOver] = [before - scene.entries, scene.entries, false];
  const end = Promise.resolve(running).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    const { entries } = scene;
    most = Math.max(most, last - entries);
    last = entries;
  }
  await end;
  return most;
}

test.each(PARTS)('%s of many files is taken away in slices', async (_, part) => {
  await using scene = new Scene();
  const { volume } = await scene.volume(part);
  const before = scene.entries;
  expect(before).toBeGreaterThanOrEqual(FILES);
  expect(await mostPerTurn(scene, before, volume.unpublish(scene.target))).toBeLessThan(15);
  expect(existsSync(scene.target)).toBe(false);
  expect(scene.hasClaims).toBe(false);
});

test('what is little is away when the call returns', async () => {
  await using scene = new Scene();
  const { volume } = await scene.volume(relativePath('d'), 1);
  expect(volume.unpublish(scene.target)).toBeUndefined();
  expect(existsSync(scene.target)).toBe(false);
});

test.each(PARTS)('%s that is being taken away when the daemon stops goes at the next start', async (_, part) => {
  await using scene = new Scene();
  const { publisher, volume } = await scene.volume(part);
  const before = scene.entries;
  const removed = expect(volume.unpublish(scene.target)).rejects.toThrow('the daemon is stopping; try again');
  await publisher[Symbol.asyncDispose]();
  await removed;
  expect(scene.entries).toBeGreaterThan(before / 2);
  expect(scene.start().resume()).toEqual([]);
  expect(existsSync(scene.target)).toBe(false);
  expect(scene.hasClaims).toBe(false);
});

test('a target that is being taken away is not published any more, and can be rendered anew once it is gone', async () => {
  await using scene = new Scene();
  const { volume } = await scene.volume(undefined);
  const whole = scene.entries;
  const removed = volume.unpublish(scene.target);
  expect(volume.isPublished(scene.target)).toBe(false);
  await removed;
  await volume.publish(scene.target, undefined, []);
  expect(scene.entries).toBe(whole);
  expect(volume.isPublished(scene.target)).toBe(true);
});
