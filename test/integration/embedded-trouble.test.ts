import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  constants as fs,
  mkdirSync,
  openSync,
  readSync,
  rmdirSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { ObjectEvent } from '../../src/stores/store.ts';
import { MountFixture } from '../support/host/mounts.ts';
import { mayMount } from '../support/host/privileges.ts';
import { secretDraft } from '../support/objects/builders.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const APPLY = { createOnly: false, dryRun: false };
const MIB = 1024 * 1024;

/** A store in a directory, on a clock that the test moves. */
class Scene implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly directory: string;
  readonly #stop = new AbortController();
  store!: EmbeddedStore;
  #events!: AsyncIterator<ObjectEvent>;

  static async open(directory: string): Promise<Scene> {
    const scene = new Scene(directory);
    await scene.start();
    return scene;
  }

  private constructor(directory: string) {
    this.directory = directory;
  }

  async start(): Promise<void> {
    const location = { directory: `${this.directory}/data`, keyFiles: [`${this.directory}/key`] };
    this.store = await EmbeddedStore.open({ ...location, clock: this.clock });
    this.#events = this.store.watch({}, this.#stop.signal)[Symbol.asyncIterator]();
  }

  async restart(): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.start();
  }

  at(name: string): string {
    return `${this.directory}/data/${name}`;
  }

  put(name: string, value: string | Buffer) {
    return this.store.apply(secretDraft(name, { value }), APPLY, NEVER);
  }

  delete(name: string) {
    return this.store.delete({ kind: 'Secret', namespace: 'default', name }, undefined, NEVER);
  }

  /** Small values, as `name=value`. */
  async values(): Promise<string[]> {
    const { objects } = await this.store.list({ kind: 'Secret' }, NEVER);
    return objects.map((object) => {
      const value = object.kind === 'Secret' ? Buffer.from(object.data.get('value') ?? '').toString() : '';
      return `${object.metadata.name}=${value}`;
    });
  }

  /** The next change that a watch sees: `added a`. */
  async change(): Promise<string> {
    const { value } = await this.#events.next();
    return `${value?.type} ${value?.object.metadata.name}`;
  }

  /** Resolves as soon as all is well again. */
  async well(): Promise<void> {
    this.clock.advance(60_000);
    while (this.store.writability.problem !== undefined) await turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.store[Symbol.asyncDispose]();
  }
}

describe.runIf(mayMount)('a disk that is full (needs root)', () => {
  /** A store of one object on a disk of 16 MiB, of which 2 are reserved. */
  const onSmallDisk = async (fixture: MountFixture) => {
    execFileSync('mount', ['-o', 'remount,size=16m', fixture.path]);
    const scene = await Scene.open(fixture.path);
    await scene.put('db', 'one');
    await scene.put('other', 'one');
    return scene;
  };
  const fill = (fixture: MountFixture) => {
    const { bavail, bsize } = statfsSync(fixture.path);
    writeFileSync(fixture.at('filler'), Buffer.alloc(bavail * bsize));
  };

  test('refuses what is new, lets objects be deleted, and goes on when there is room', async () => {
    using fixture = new MountFixture();
    await using scene = await onSmallDisk(fixture);
    const { writability } = scene.store;
    fill(fixture);
    await expect(scene.put('big', Buffer.alloc(MIB))).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect(writability.refusingSince).toBe(scene.clock.now());
    expect(writability.problem).toMatch(
      /no space is left on its disk; make room; until then objects can be read and deleted/,
    );
    await expect(scene.put('small', 'one')).rejects.toMatchObject({
      code: 'resource-exhausted',
      message: expect.stringContaining('until then objects can be read and deleted'),
    });
    expect((await scene.delete('other'))?.metadata.name).toBe('other');
    // The same again is no write.
    expect((await scene.put('db', 'one')).outcome).toBe('unchanged');
    expect(await scene.values()).toEqual(['db=one']);

    rmSync(fixture.at('filler'));
    await scene.well();
    expect(existsSync(scene.at('reserve'))).toBe(true);
    await scene.put('small', 'two');
    expect([await scene.change(), await scene.change(), await scene.change(), await scene.change()]).toEqual([
      'added db',
      'added other',
      'deleted other',
      'added small',
    ]);
    await scene.restart();
    expect(await scene.values()).toEqual(['db=one', 'small=two']);
  });

  test('somebody who writes finds out that there is room, before the next try', async () => {
    using fixture = new MountFixture();
    await using scene = await onSmallDisk(fixture);
    fill(fixture);
    await expect(scene.put('big', Buffer.alloc(MIB))).rejects.toMatchObject({ code: 'resource-exhausted' });
    rmSync(fixture.at('filler'));
    await scene.put('small', 'one');
    expect(scene.store.writability.problem).toBeUndefined();
  });

  test('at the start gives up the reserve', async () => {
    using fixture = new MountFixture();
    await using scene = await onSmallDisk(fixture);
    fill(fixture);
    await scene.restart();
    expect(scene.store.writability.problem).toContain('no space is left');
    await scene.delete('other');
    rmSync(fixture.at('filler'));
    await scene.well();
    expect((await scene.put('small', 'one')).outcome).toBe('created');
  });
});

describe('a batch that was written, and its head was not', () => {
  /** What lies in the way of the head beside the database. */
  const obstruct = (scene: Scene) => mkdirSync(scene.at('head.new'));
  const clear = (scene: Scene) => rmdirSync(scene.at('head.new'));

  test('is told as unknown; then it counts, is seen and is told of', async () => {
    using dir = new TempDir();
    await using scene = await Scene.open(dir.path);
    await scene.put('db', 'one');
    const { revision } = scene.store;
    obstruct(scene);
    await expect(scene.put('db', 'two')).rejects.toMatchObject({
      message: expect.stringContaining('whether this write was kept is not known'),
    });
    // Nobody sees what is not acknowledged, and nothing is built on it.
    expect(await scene.values()).toEqual(['db=one']);
    expect(scene.store.revision).toBe(revision);
    await expect(scene.delete('db')).rejects.toMatchObject({ message: expect.stringContaining('until then') });

    clear(scene);
    await scene.well();
    expect(await scene.values()).toEqual(['db=two']);
    expect(scene.store.revision).toBe(revision + 1);
    expect([await scene.change(), await scene.change()]).toEqual(['added db', 'modified db']);
    await scene.put('db', 'three');
    await scene.restart();
    expect(await scene.values()).toEqual(['db=three']);
  });

  test('counts after a restart as well', async () => {
    using dir = new TempDir();
    await using scene = await Scene.open(dir.path);
    obstruct(scene);
    await expect(scene.put('db', 'one')).rejects.toThrow('not known');
    clear(scene);
    await scene.restart();
    expect(await scene.values()).toEqual(['db=one']);
  });

  test('is answered as kept when the files can be opened again at once', async () => {
    using dir = new TempDir();
    await using scene = await Scene.open(dir.path);
    // The head goes into a pipe, which cannot be synced; by the next attempt the pipe is gone.
    execFileSync('mkfifo', [scene.at('head.new')]);
    const reader = openSync(scene.at('head.new'), fs.O_RDONLY | fs.O_NONBLOCK);
    try {
      const written = scene.put('db', 'one');
      while (!hasData(reader)) await turn();
      unlinkSync(scene.at('head.new'));
      expect((await written).outcome).toBe('created');
    } finally {
      closeSync(reader);
    }
    expect(await scene.values()).toEqual(['db=one']);
    expect(await scene.change()).toBe('added db');
    await scene.restart();
    expect(await scene.values()).toEqual(['db=one']);
  });
});

/** No writer yet reads as the end, an empty pipe as EAGAIN. */
function hasData(pipe: number): boolean {
  try {
    return readSync(pipe, Buffer.alloc(4096)) > 0;
  } catch {
    return false;
  }
}
