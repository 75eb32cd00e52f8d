import { describe, expect, test } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { finish } from '../../../src/base/steps.ts';
import type { Payload } from '../../../src/payload/payload.ts';
import { readingTree, type VolumeFs } from '../../../src/volume/file-system.ts';
import { generationName } from '../../../src/volume/layout.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { Crash, CrashingFileSystem, type CrashingOptions } from '../../support/volume/crashing-file-system.ts';
import { payloadOf, viewOf, viewThroughData, viewThroughNames } from '../../support/volume/volume-content.ts';

const DIRECTORY = '/volume';

const OLD = payloadOf({
  username: 'old',
  gone: 'old',
  'turns/into/file': 'old',
  'turns-into': 'old',
  '.dot': { text: 'old', mode: 0o400 },
});
const EMPTY = payloadOf({});
const UNLIKE = payloadOf({ unlike: 'all others' });
const OTHER_BYTES = payloadOf({
  username: 'new',
  'turns/into': 'new',
  'turns-into/directory': 'new',
  added: { text: 'new', mode: 0o777 },
  '.dot': { text: 'new', mode: 0o400, user: 7, group: 8 },
});
const OTHER_MODES = payloadOf({ username: { text: 'old', mode: 0o600 }, '.dot': { text: 'old', user: 5, group: 6 } });

/** An initial state of the volume. */
type State = {
  /** The payload that readers see through `..data`. */
  readonly shown: Payload | undefined;
  /** The visible names that lead somewhere. */
  readonly visible?: readonly string[];
  /** Makes it in an empty directory. */
  readonly prepare: (fs: VolumeFs) => void;
};

const NAMES = ['username', 'gone', 'turns', 'turns-into', '.dot'];

const STATES: Readonly<Record<string, State>> = {
  'an empty directory': { shown: undefined, prepare: () => {} },
  'a volume': { shown: OLD, visible: NAMES, prepare: (fs) => write(fs, OLD) },
  'an empty volume': { shown: EMPTY, prepare: (fs) => write(fs, EMPTY) },
  'a volume of a mount group': { shown: withGroup(OLD), visible: NAMES, prepare: (fs) => write(fs, withGroup(OLD)) },
  'a replaced generation that nobody retired': {
    shown: OLD,
    visible: NAMES,
    prepare(fs) {
      const writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: new ManualClock() });
      writer.write(EMPTY);
      writer.write(OLD);
    },
  },
  'half a generation and a stale ..data_tmp': {
    shown: OLD,
    visible: NAMES,
    prepare(fs) {
      write(fs, OLD);
      const generation = generationName(1);
      fs.mkdir(`${DIRECTORY}/${generation}`, 0o700);
      fs.mkdir(`${DIRECTORY}/${generation}/directory`, 0o700);
      fs.close(fs.create(`${DIRECTORY}/${generation}/directory/half`, 0o600));
      fs.symlink(generation, `${DIRECTORY}/..data_tmp`);
    },
  },
  'a swap whose links are missing, stale ones left': {
    shown: OLD,
    visible: NAMES.filter((name) => name !== 'username'),
    prepare(fs) {
      write(fs, OLD);
      fs.unlink(`${DIRECTORY}/username`);
      fs.symlink('..data/stale', `${DIRECTORY}/stale`);
    },
  },
  '..data that leads nowhere': {
    shown: undefined,
    prepare(fs) {
      fs.symlink(generationName(1), `${DIRECTORY}/..data`);
      fs.symlink('..data/username', `${DIRECTORY}/username`);
    },
  },
};

const NEXT: Readonly<Record<string, Payload>> = {
  'other bytes, files that become directories and back': OTHER_BYTES,
  'other modes and owners only': OTHER_MODES,
  'nothing at all': EMPTY,
  'a mount group': withGroup(OLD),
  'the same': OLD,
};

const cases = Object.entries(STATES).flatMap(([name, state]) =>
  Object.entries(NEXT).map(([next, payload]) => ({ name, state, next, payload })),
);

describe('invariant 3: SIGKILL between any two system calls of a write', () => {
  test.each(cases)('$name, then $next', ({ state, payload }) => {
    const total = callNames(state, payload).length;
    expect(total).toBeGreaterThan(1);
    for (let dieAfter = 0; dieAfter < total; dieAfter++) {
      const memory = prepared(state);
      attempt(memory, payload, { dieAfter }, Crash);
      expectOneOf(memory, state, payload);
      expectFinished(memory, payload);
    }
  });

  test('and of the write after it, twice over', () => {
    const small = payloadOf({ username: 'old', gone: 'old' });
    const state: State = { shown: small, visible: ['username', 'gone'], prepare: (fs) => write(fs, small) };
    const payload = payloadOf({ username: 'new', 'a/b': 'new' });
    const total = callNames(state, payload).length;
    for (let first = 0; first < total; first++) {
      for (let second = 0, isDone = false; !isDone; second++) {
        const memory = prepared(state);
        attempt(memory, payload, { dieAfter: first }, Crash);
        isDone = attempt(memory, payload, { dieAfter: second }, Crash);
        expectOneOf(memory, state, payload);
        expectFinished(memory, payload);
      }
    }
  });
});

describe('a file system call that fails', () => {
  const changes = cases.filter(({ payload }) => payload === OTHER_BYTES || payload.mountGroup !== undefined);
  test.each(changes)('once: $name, then $next', ({ state, payload }) => {
    failAtEveryCall(state, payload, false);
  });

  test.each(cases.filter(({ payload }) => payload === OTHER_BYTES))('and all after it: $name', ({ state, payload }) => {
    failAtEveryCall(state, payload, true);
  });

  test('before the swap takes the new generation away again', () => {
    const state = STATES['a volume'] ?? expect.fail();
    const memory = prepared(state);
    const before = finish(readingTree(memory, DIRECTORY, { withContents: true }));
    const rename = callNames(state, OTHER_MODES).indexOf('rename') + 1;
    expect(rename).toBeGreaterThan(10);
    for (let call = 1; call <= rename; call++) {
      const isFull = attempt(memory, OTHER_MODES, { fail: { call, errno: 'ENOSPC' } }, LanternError);
      // Only where nothing new was made yet can a sweep or a comparison go on without the call.
      if (!isFull) expect(finish(readingTree(memory, DIRECTORY, { withContents: true }))).toEqual(before);
    }
  });
});

/** The same process goes on after a failure: readers see the old or the new, and its next write finishes. */
function failAtEveryCall(state: State, payload: Payload, isLasting: boolean): void {
  const total = callNames(state, payload).length;
  for (let call = 1; call <= total; call++) {
    const memory = prepared(state);
    const failing = new CrashingFileSystem(memory, { fail: { call, errno: 'EIO', isLasting } });
    using writer = new VolumeWriter({ fs: failing.fs, directory: DIRECTORY, clock: new ManualClock() });
    try {
      writer.write(payload);
    } catch (error) {
      expect(error).toBeInstanceOf(LanternError);
    }
    expectOneOf(memory, state, payload);
    failing.recover();
    writer.write(payload);
    expectShown(memory, payload);
    // What a sweep could not remove is tried again by the next write that changes something.
    writer.write(UNLIKE);
    writer.write(payload);
    writer.retireNow();
    expectExactly(memory, payload);
  }
}

function withGroup(payload: Payload): Payload {
  return payloadOf(
    Object.fromEntries([...payload.files].map(([path, { bytes }]) => [path, { text: String(bytes), mode: 0o440 }])),
    4321,
  );
}

function write(fs: VolumeFs, payload: Payload): void {
  using writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: new ManualClock() });
  writer.write(payload);
}

function prepared({ prepare }: State): VolumeFs {
  const fs = createMemoryFileSystem();
  fs.mkdir(DIRECTORY, 0o755);
  prepare(fs);
  return fs;
}

/** The calls of a write from a fresh process, found by making it. */
function callNames(state: State, payload: Payload): readonly string[] {
  const counting = new CrashingFileSystem(prepared(state));
  const writer = new VolumeWriter({ fs: counting.fs, directory: DIRECTORY, clock: new ManualClock() });
  writer.write(payload);
  return counting.calls;
}

/** A write in a process of its own; false when it ended with the expected error. */
function attempt(
  memory: VolumeFs,
  payload: Payload,
  options: CrashingOptions,
  expected: new (...args: never[]) => Error,
): boolean {
  const { fs } = new CrashingFileSystem(memory, options);
  const writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: new ManualClock() });
  try {
    writer.write(payload);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(expected);
    return false;
  }
}

/** Readers see all of the old or all of the new contents, and a name in both is never missing. */
function expectOneOf(fs: VolumeFs, { shown, visible = [] }: State, next: Payload): void {
  const seen = viewThroughData(fs, DIRECTORY);
  expect([shown, next].map((payload) => payload && viewOf(payload, fs.owner))).toContainEqual(seen);
  if (seen === undefined) return;
  const { view } = viewThroughNames(fs, DIRECTORY);
  expect(seen).toMatchObject(view);
  const elements = new Set([...next.files.keys()].map((path) => path.split('/')[0]));
  for (const name of visible.filter((name) => elements.has(name))) {
    expect(Object.keys(view).some((path) => path.split('/')[0] === name)).toBe(true);
  }
}

/** The next process's write succeeds, and nothing is left over. */
function expectFinished(fs: VolumeFs, payload: Payload): void {
  write(fs, payload);
  expectExactly(fs, payload);
}

function expectShown(fs: VolumeFs, payload: Payload): void {
  const expected = viewOf(payload, fs.owner);
  expect(viewThroughData(fs, DIRECTORY)).toEqual(expected);
  expect(viewThroughNames(fs, DIRECTORY)).toEqual({ view: expected, dangling: [] });
}

function expectExactly(fs: VolumeFs, payload: Payload): void {
  expectShown(fs, payload);
  const names = fs.readdir(DIRECTORY).map(({ name }) => name);
  const visible = new Set([...payload.files.keys()].map((path) => path.split('/')[0]));
  expect(names.sort()).toEqual(['..data', fs.readlink(`${DIRECTORY}/..data`), ...visible].sort());
}
