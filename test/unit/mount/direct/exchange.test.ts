import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errnoOf, LanternError } from '../../../../src/base/errors.ts';
import { finish } from '../../../../src/base/steps.ts';
import { descriptorFileSystem } from '../../../../src/mount/direct/descriptor-file-system.ts';
import { isOfVolume, removingOurs } from '../../../../src/mount/direct/publication.ts';
import { type DirectoryCalls, directoryCalls } from '../../../../src/mount/linux/directory-calls.ts';
import { O_PATH } from '../../../../src/mount/linux/system-calls.ts';
import type { VolumeFs } from '../../../../src/volume/file-system.ts';
import { isGenerationName } from '../../../../src/volume/layout.ts';
import { VolumeWriter } from '../../../../src/volume/volume-writer.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';
import { payloadOf } from '../../../support/volume/volume-content.ts';

/** An attacker's change of the target. Returns whether there was anything to change. */
type Exchange = (target: string, forbidden: string) => boolean;

const generationsIn = (target: string): readonly string[] =>
  readdirSync(target).filter((name) => isGenerationName(name) && lstatSync(join(target, name)).isDirectory());

/** Every directory or file of each generation for a link to what the forbidden directory has of that name. */
const inGenerations =
  (path: string): Exchange =>
  (target, forbidden) =>
    generationsIn(target)
      .map((generation) => forLink(join(target, generation, path), join(forbidden, path)))
      .includes(true);

const EXCHANGES: Readonly<Record<string, Exchange>> = {
  'each generation': inGenerations('.'),
  'a directory in each generation': inGenerations('a'),
  'a file in each generation': inGenerations('c'),
  '`..data`': (target, forbidden) => forLink(join(target, '..data'), forbidden),
  '`..data_tmp`': (target, forbidden) => forLink(join(target, '..data_tmp'), forbidden),
  'a visible name': (target, forbidden) => forLink(join(target, 'a'), join(forbidden, 'a')),
  'the target': (target, forbidden) => forLink(target, forbidden),
};

function forLink(path: string, goal: string): boolean {
  const aside = `${join(path, '.')}.aside-${performance.now()}`;
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  renameSync(path, aside);
  symlinkSync(goal, path);
  return true;
}

/** The whole life of a target: written, written again, taken over, read, retired and removed. */
function live(fs: VolumeFs, root: string): void {
  const clock = new ManualClock();
  using before = new VolumeWriter({ fs, directory: root, clock });
  trying(() => before.write(payloadOf({ 'a/b': 'one', c: { text: 'two', mode: 0o640 } })));
  trying(() => before.write(payloadOf({ 'a/b': 'three', c: 'four', d: '' }, process.getegid?.())));
  trying(() => before.retireNow());
  using after = new VolumeWriter({ fs, directory: root, clock });
  trying(() => after.files());
  trying(() => after.write(payloadOf({ 'a/b': 'five', e: '' })));
  trying(() => after.retireNow());
  trying(() => finish(removingOurs(fs, root, isOfVolume)));
}

/** After an exchange a step may fail, but only with a known error. */
function trying(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof LanternError)) throw error;
  }
}

/** The calls, with something that happens before the one of this number. */
function interrupted(at: number, happen: () => void): { readonly calls: DirectoryCalls; readonly made: () => number } {
  let made = 0;
  const calls = new Proxy(directoryCalls, {
    get: (inner, name) => {
      const call: unknown = Reflect.get(inner, name);
      if (typeof call !== 'function') return call;
      return (...values: unknown[]) => {
        if (made++ === at) happen();
        return Reflect.apply(call, inner, values);
      };
    },
  });
  return { calls, made: () => made };
}

class Scene implements Disposable {
  readonly #dir = new TempDir('/dev/shm');
  readonly target = this.#dir.at('t');
  readonly forbidden = this.#dir.at('forbidden');
  readonly #fd: number;

  constructor() {
    mkdirSync(this.target);
    mkdirSync(join(this.forbidden, 'a'), { recursive: true, mode: 0o700 });
    for (const path of ['a/b', 'c', 'd', 'secret']) writeFileSync(join(this.forbidden, path), 'precious');
    this.#fd = openSync(this.target, O_PATH | constants.O_DIRECTORY);
  }

  /** Returns how many calls were made. */
  live(at: number, exchange: Exchange): number {
    const { calls, made } = interrupted(at, () => exchange(this.target, this.forbidden));
    const fs = descriptorFileSystem(() => this.#fd, this.target, calls);
    live(fs, this.target);
    return made();
  }

  /** Changes with whatever is done to the forbidden directory and what is in it. */
  get state(): readonly string[] {
    return ['.', ...listTree(this.forbidden)].map((path) => {
      const { ino, mode, uid, gid, size, nlink, ctimeNs } = lstatSync(join(this.forbidden, path), { bigint: true });
      return [path, ino, mode, uid, gid, size, nlink, ctimeNs].join(' ');
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    this.#dir[Symbol.dispose]();
  }
}

/** How many calls a life takes, which leaves nothing. */
function undisturbed(): number {
  using scene = new Scene();
  const steps = scene.live(-1, () => false);
  expect(listTree(scene.target)).toEqual([]);
  return steps;
}

test.each(Object.entries(EXCHANGES))(
  'whatever the call before which %s is exchanged for a link, nothing outside of the target is touched',
  (_, exchange) => {
    const steps = undisturbed();
    let exchanged = 0;
    for (let at = 0; at < steps; at++) {
      using scene = new Scene();
      const before = scene.state;
      scene.live(at, (...place) => {
        const isDone = exchange(...place);
        if (isDone) exchanged++;
        return isDone;
      });
      expect({ at, state: scene.state }).toEqual({ at, state: before });
    }
    expect(exchanged).toBeGreaterThan(0);
  },
);
