import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Payload } from '../../../src/payload/payload.ts';
import type { RelativePath } from '../../../src/spec/relative-path.ts';
import { nodeFileSystem, type VolumeFs } from '../../../src/volume/file-system.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import { RETIREMENT_MS } from '../../../src/volume/retirement.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { relativePath } from '../../support/objects/builders.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { lanternErrorOf } from '../../support/suite/expectations.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';
import { CrashingFileSystem } from '../../support/volume/crashing-file-system.ts';
import { payloadOf, viewOf, viewThroughData, viewThroughNames } from '../../support/volume/volume-content.ts';

const DIRECTORY = '/volume';
const ONE = payloadOf({ password: 'one', 'my-group/my-username': { text: 'one', mode: 0o400 } });
const TWO = payloadOf({ password: 'two', 'my-group/my-username': { text: 'one', mode: 0o400 } });

/** A volume in memory whose file system calls are counted. `restart` is a new process. */
class Scene {
  readonly memory: VolumeFs = createMemoryFileSystem();
  clock = new ManualClock();
  readonly counting = new CrashingFileSystem(this.memory);
  writer = this.restart();

  constructor() {
    this.memory.mkdir(DIRECTORY, 0o755);
  }

  restart(): VolumeWriter {
    this.clock = new ManualClock();
    this.writer = new VolumeWriter({ fs: this.counting.fs, directory: DIRECTORY, clock: this.clock });
    return this.writer;
  }

  /** The calls that an action costs. */
  callsOf(action: () => void): readonly string[] {
    const before = this.counting.calls.length;
    action();
    return this.counting.calls.slice(before);
  }

  generations(): readonly string[] {
    return this.memory
      .readdir(DIRECTORY)
      .flatMap(({ name, type }) => (type === 'directory' && name.startsWith('..') ? [name] : []))
      .sort();
  }
}

/** The number of the call that makes the first visible link, in a write by a new process. */
function failingLink(scene: Scene, payload: Payload): number {
  const copy = createMemoryFileSystem();
  copy.mkdir(DIRECTORY, 0o755);
  new VolumeWriter({ fs: copy, directory: DIRECTORY, clock: scene.clock }).write(ONE);
  const counting = new CrashingFileSystem(copy);
  new VolumeWriter({ fs: counting.fs, directory: DIRECTORY, clock: scene.clock }).write(payload);
  return counting.calls.lastIndexOf('symlink') + 1;
}

describe('what a write does', () => {
  test('the first one makes the layout of a Kubernetes volume, named by the time in UTC', () => {
    const scene = new Scene();
    expect(scene.counting.calls).toEqual([]);
    expect(scene.writer.write(ONE)).toEqual({
      changed: true,
      generation: '..2026_11_23_19_24_08.000000000',
      previous: undefined,
      changedPaths: ['my-group/my-username', 'password'],
    });
    const { memory } = scene;
    expect(memory.readlink(`${DIRECTORY}/..data`)).toBe('..2026_11_23_19_24_08.000000000');
    expect(memory.readlink(`${DIRECTORY}/my-group`)).toBe('..data/my-group');
    expect(memory.readdir(DIRECTORY)).toHaveLength(4);
    expect(viewThroughNames(memory, DIRECTORY).view).toEqual(viewOf(ONE, memory.owner));
  });

  test('a change names what changed, and the generation it replaced', () => {
    const scene = new Scene();
    const { generation } = scene.writer.write(ONE);
    expect(scene.writer.write(TWO)).toEqual({
      changed: true,
      generation: '..2026_11_23_19_24_08.000000001',
      previous: generation,
      changedPaths: ['password'],
    });
    expect(scene.writer.files()).toEqual([
      { path: 'my-group/my-username', size: 3, mode: 0o400, ...scene.memory.owner },
      { path: 'password', size: 3, mode: 0o644, ...scene.memory.owner },
    ]);
  });

  test.each<[string, Payload, Payload, readonly string[]]>([
    ['bytes of the same length', payloadOf({ a: 'x' }), payloadOf({ a: 'y' }), ['a']],
    ['a mode only', payloadOf({ a: 'x' }), payloadOf({ a: { text: 'x', mode: 0o600 } }), ['a']],
    ['a user only', payloadOf({ a: 'x' }), payloadOf({ a: { text: 'x', user: 12 } }), ['a']],
    ['a group only', payloadOf({ a: 'x' }), payloadOf({ a: { text: 'x', group: 12 } }), ['a']],
    ['a file more and a file fewer', payloadOf({ a: 'x', b: 'x' }), payloadOf({ b: 'x', c: 'x' }), ['a', 'c']],
    ['a mount group', payloadOf({ a: 'x' }), payloadOf({ a: 'x' }, 77), ['a']],
    ['a directory mode', payloadOf({ a: { text: 'x', group: 5 } }), payloadOf({ a: { text: 'x', group: 5 } }, 77), []],
    ['nothing left', payloadOf({ a: 'x' }), payloadOf({}), ['a']],
  ])(
    '%s makes a new generation, whether the process is the same or a new one',
    (_what, before, after, changedPaths) => {
      for (const isRestarted of [false, true]) {
        const scene = new Scene();
        scene.writer.write(before);
        if (isRestarted) scene.restart();
        expect(scene.writer.write(after)).toMatchObject({ changed: true, changedPaths });
        expect(viewThroughData(scene.memory, DIRECTORY)).toEqual(viewOf(after, scene.memory.owner));
        expect(scene.writer.write(after).changed).toBe(false);
      }
    },
  );

  test('invariant 8: an equal payload costs no file system call at all', () => {
    const scene = new Scene();
    scene.writer.write(ONE);
    const again = payloadOf({ password: 'one', 'my-group/my-username': { text: 'one', mode: 0o400 } });
    let outcome: unknown;
    expect(scene.callsOf(() => (outcome = scene.writer.write(again)))).toEqual([]);
    const { generation } = scene.writer;
    expect(outcome).toEqual({ changed: false, generation, previous: generation, changedPaths: [] });
    expect(scene.clock.pending).toBe(0);
  });

  test('invariant 8: after a restart an equal payload is only read, once', () => {
    const scene = new Scene();
    const { generation } = scene.writer.write(ONE);
    scene.restart();
    let outcome: unknown;
    const calls = scene.callsOf(() => (outcome = scene.writer.write(ONE)));
    expect(new Set(calls)).toEqual(new Set(['lstat', 'readdir', 'readlink', 'readFile']));
    expect(outcome).toEqual({ changed: false, generation, previous: generation, changedPaths: [] });
    expect(scene.callsOf(() => scene.writer.write(ONE))).toEqual([]);
  });

  test('a change costs the calls it cannot do without, and no look at the disk', () => {
    const scene = new Scene();
    scene.writer.write(payloadOf({ a: '1', b: '1' }));
    const file = ['create', 'write', 'close'];
    const calls = scene.callsOf(() => scene.writer.write(payloadOf({ a: '2', b: '2' })));
    expect(calls).toEqual(['mkdir', 'umask', ...file, ...file, 'chmod', 'symlink', 'rename']);
  });

  test('a replaced generation is removed as it was written, and as a tree if others put something in it', () => {
    const scene = new Scene();
    const replace = (version: string, disturb: (generation: string) => void = () => {}) => {
      const { previous = '' } = scene.writer.write(payloadOf({ a: version, 'd/b': version }));
      disturb(`${DIRECTORY}/${previous}`);
      return scene.callsOf(() => scene.writer.retireNow());
    };
    replace('1');
    expect(replace('2')).toEqual(['unlink', 'unlink', 'rmdir', 'rmdir']);
    expect(replace('3', (generation) => scene.memory.mkdir(`${generation}/d/stranger`, 0o700))).toContain('readdir');
    expect(replace('4', (generation) => scene.memory.unlink(`${generation}/a`))).toContain('readdir');
    expect(scene.generations()).toEqual([scene.writer.generation]);
  });

  test('the first ..data is made in its place', () => {
    const scene = new Scene();
    const calls = scene.callsOf(() => scene.writer.write(ONE));
    expect(calls).not.toContain('rename');
    expect(scene.memory.readlink(`${DIRECTORY}/..data`)).toBe(scene.writer.generation);
  });

  test.each([0, 0o077])('into a new directory reads nothing, and gives it what umask %o took', (lost) => {
    const { memory, counting, clock } = new Scene();
    memory.chmod(DIRECTORY, 0o755 & ~lost);
    memory.umask = () => lost;
    const writer = new VolumeWriter({ fs: counting.fs, directory: DIRECTORY, isNew: true, clock });
    writer.write(ONE);
    expect(new Set(counting.calls)).not.toContain('lstat');
    expect(new Set(counting.calls)).not.toContain('readdir');
    expect(memory.lstat(DIRECTORY)?.mode).toBe(0o755);
    expect(viewThroughNames(memory, DIRECTORY).view).toEqual(viewOf(ONE, memory.owner));
  });

  test('what a crash kept from being seen counts as changed', () => {
    const scene = new Scene();
    scene.writer.write(ONE);
    scene.memory.unlink(`${DIRECTORY}/password`);
    expect(scene.restart().write(ONE)).toMatchObject({ changed: true, changedPaths: ['password'] });
  });

  test('an element added by hand to a generation is not kept', () => {
    const scene = new Scene();
    const { generation } = scene.writer.write(ONE);
    scene.memory.symlink('/etc', `${DIRECTORY}/${generation}/etc`);
    scene.restart();
    expect(scene.writer.write(ONE)).toMatchObject({ changed: true, changedPaths: [] });
  });
});

describe('what a write refuses', () => {
  const hostile = ['', '/absolute', '..', '../outside', 'a/../b', '..data', '..data_tmp', '...x', '.', './a'];
  hostile.push('./..data_tmp', 'a//b', 'a/', 'nul\0byte', `${'x'.repeat(256)}/a`, `${'x/'.repeat(2048)}x`);
  test.each(hostile.map((path) => [path.slice(0, 20), path]))(
    'the path %j, before anything is touched',
    (_start, path) => {
      const scene = new Scene();
      scene.writer.write(ONE);
      const bad = new Map(ONE.files);
      bad.set(path as RelativePath, { bytes: Buffer.from('x'), mode: 0o644, user: undefined, group: undefined });
      let error: unknown;
      const calls = scene.callsOf(() => {
        error = lanternErrorOf(() => scene.writer.write({ ...ONE, files: bad }));
      });
      expect(error).toMatchObject({ code: 'invalid-argument', faults: [{ field: path }] });
      expect(calls).toEqual([]);
      expect(viewThroughData(scene.memory, DIRECTORY)).toEqual(viewOf(ONE, scene.memory.owner));
    },
  );

  test('a file that would have to be a directory as well, naming both', () => {
    const scene = new Scene();
    const error = lanternErrorOf(() => scene.writer.write(payloadOf({ a: 'x', 'a/b/c': 'x', 'a-b': 'x' })));
    expect(error).toMatchObject({ code: 'invalid-argument', faults: [{ field: 'a/b/c' }] });
    expect(error.message).toContain('excludes the file "a"');
  });

  test('to take the name of something that is not of the volume', () => {
    const scene = new Scene();
    scene.memory.mkdir(`${DIRECTORY}/password`, 0o755);
    expect(lanternErrorOf(() => scene.writer.write(ONE))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('"password"'),
    });
    expect(scene.generations()).toEqual([]);
  });

  test('invariant 7: no room is resource-exhausted, the old contents stay, and later it works', () => {
    const scene = new Scene();
    scene.writer.write(ONE);
    const { fs } = new CrashingFileSystem(scene.memory, { fail: { call: 'write', errno: 'ENOSPC' } });
    const full = new VolumeWriter({ fs, directory: DIRECTORY, clock: scene.clock });
    expect(lanternErrorOf(() => full.write(TWO))).toMatchObject({
      code: 'resource-exhausted',
      reason: 'POOL_FULL',
      message: expect.stringContaining('the pool is full'),
    });
    expect(viewThroughData(scene.memory, DIRECTORY)).toEqual(viewOf(ONE, scene.memory.owner));
    expect(scene.generations()).toHaveLength(1);
    expect(full.write(TWO)).toMatchObject({ changed: true, changedPaths: ['password'] });
  });

  test('an owner that cannot be given is failed-precondition, and says what to do', () => {
    const scene = new Scene();
    const { fs } = new CrashingFileSystem(scene.memory, { fail: { call: 'fchown', errno: 'EPERM' } });
    const writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: scene.clock });
    expect(lanternErrorOf(() => writer.write(payloadOf({ a: { text: 'x', user: 12 } })))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('CAP_CHOWN'),
    });
    expect(scene.generations()).toEqual([]);
  });
});

describe('generations', () => {
  test('a replaced one stays for two seconds, then goes', () => {
    const scene = new Scene();
    const first = scene.writer.write(ONE).generation;
    const second = scene.writer.write(TWO).generation;
    scene.clock.advance(RETIREMENT_MS - 1);
    expect(scene.generations()).toEqual([first, second]);
    scene.clock.advance(1);
    expect(scene.generations()).toEqual([second]);
  });

  test('one whose replacement failed after the swap is kept as long, through the next write too', () => {
    const scene = new Scene();
    const first = scene.writer.write(ONE).generation;
    // The second link made is the first visible one.
    const missing = payloadOf({ password: 'two', added: 'two' });
    const linking = new CrashingFileSystem(scene.memory, { fail: { call: failingLink(scene, missing), errno: 'EIO' } });
    const writer = new VolumeWriter({ fs: linking.fs, directory: DIRECTORY, clock: scene.clock });
    expect(lanternErrorOf(() => writer.write(missing)).code).toBe('internal');
    expect(scene.memory.readlink(`${DIRECTORY}/..data`)).not.toBe(first);
    expect(writer.write(missing)).toMatchObject({ changed: true, changedPaths: ['added'] });
    expect(scene.generations()).toContain(first);
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.generations()).toEqual([writer.generation]);
  });

  test.each(['/etc', '../elsewhere', '..2026_11_23_19_24_08.1', 'password'])(
    '..data that leads to %s leads to none',
    (target) => {
      const scene = new Scene();
      scene.memory.symlink(target, `${DIRECTORY}/..data`);
      expect(scene.writer.generation).toBeUndefined();
      expect(scene.writer.files()).toEqual([]);
      expect(scene.writer.write(ONE)).toMatchObject({ changed: true, previous: undefined });
    },
  );

  test('a pinned one stays, counted, whether it was pinned before or after it was replaced', () => {
    const scene = new Scene();
    const first = scene.writer.write(ONE).generation;
    scene.writer.pin(first);
    scene.writer.write(TWO);
    scene.writer.pin(first);
    scene.clock.advance(RETIREMENT_MS);
    scene.writer.unpin(first);
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.writer.retireNow()).toBe(false);
    expect(scene.generations()).toContain(first);
    scene.writer.unpin(first);
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.generations()).not.toContain(first);
  });

  test('unpinning the current one, or one that nobody pinned, removes nothing', () => {
    const scene = new Scene();
    const { generation } = scene.writer.write(ONE);
    scene.writer.pin(generation);
    scene.writer.unpin(generation);
    scene.writer.unpin(generation);
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.generations()).toEqual([generation]);
  });

  test('one pinned by an earlier process survives the sweep, and goes with its pin', () => {
    const scene = new Scene();
    const first = scene.writer.write(ONE).generation;
    scene.writer.write(TWO);
    const third = scene.writer.write(ONE).generation;
    scene.restart().pin(first);
    const fourth = scene.writer.write(TWO).generation;
    expect(scene.generations()).toEqual([first, third, fourth].sort());
    scene.writer.unpin(first);
    scene.clock.advance(RETIREMENT_MS);
    expect(scene.generations()).toEqual([fourth]);
  });

  test('a full pool gets them at once, and hears whether that freed anything', () => {
    const scene = new Scene();
    scene.writer.write(ONE);
    scene.writer.write(TWO);
    scene.writer.write(ONE);
    expect(scene.writer.retireNow()).toBe(true);
    expect(scene.generations()).toEqual([scene.writer.generation]);
    expect(scene.writer.retireNow()).toBe(false);
    expect(scene.clock.pending).toBe(0);
  });

  test('disposing removes what is replaced and leaves no timer', () => {
    const scene = new Scene();
    scene.writer.write(ONE);
    scene.writer.write(TWO);
    scene.writer[Symbol.dispose]();
    scene.writer[Symbol.dispose]();
    expect(scene.clock.pending).toBe(0);
    expect(scene.generations()).toEqual([scene.writer.generation]);
  });

  test('a name is never given twice, even when the clock stands still or goes back', () => {
    const scene = new Scene();
    const names = new Set<string>();
    for (let round = 0; round < 50; round++) {
      names.add(scene.writer.write(round % 2 === 0 ? ONE : TWO).generation);
      scene.writer.retireNow();
      if (round === 25) scene.clock.advance(-10_000);
    }
    expect(names.size).toBe(50);
  });
});

describe('resolveSubPath', () => {
  test('a file and a directory of the current generation, by a path without links', () => {
    const scene = new Scene();
    const { generation } = scene.writer.write(ONE);
    for (const writer of [scene.writer, scene.restart()]) {
      const file = writer.resolveSubPath(relativePath('my-group/my-username'));
      expect(file).toEqual({ path: `${DIRECTORY}/${generation}/my-group/my-username`, type: 'file', generation });
      expect(writer.resolveSubPath(relativePath('my-group'))).toMatchObject({ type: 'directory' });
    }
  });

  test('anything else is not-found, and the message lists what there is', () => {
    const scene = new Scene();
    expect(lanternErrorOf(() => scene.writer.resolveSubPath(relativePath('a'))).message).toContain('it holds no files');
    const { generation } = scene.writer.write(ONE);
    scene.memory.symlink('/etc', `${DIRECTORY}/${generation}/etc`);
    scene.restart();
    for (const path of ['nope', 'password/below', 'etc', 'etc/passwd', 'my-group/other']) {
      const error = lanternErrorOf(() => scene.writer.resolveSubPath(relativePath(path)));
      expect(error.code).toBe('not-found');
      expect(error.message).toContain('it holds "my-group/my-username", "password"');
    }
  });
});

describe('on a real file system', () => {
  test.skipIf(process.getuid?.() !== 0)('modes and owners are exact under a hostile umask, setgid included', () => {
    using place = new TempDir('/dev/shm');
    const payload = payloadOf(
      {
        'a/b/file': { text: 'x', mode: 0o777 },
        own: { text: 'x', mode: 0o444, user: 1001, group: 1002 },
        private: { text: 'x', mode: 0o400 },
      },
      3003,
    );
    using writer = new VolumeWriter({ fs: nodeFileSystem, directory: place.path, clock: new ManualClock() });
    const umask = process.umask(0o077);
    try {
      writer.write(payload);
      expect(lstatSync(place.path)).toMatchObject({ gid: 3003 });
      expect(lstatSync(place.path).mode & 0o7777).toBe(0o2755);
      expect(viewThroughData(nodeFileSystem, place.path)).toEqual(viewOf(payload, nodeFileSystem.owner));
      // Without the mount group nothing of it is inherited.
      writer.write(ONE);
      expect(lstatSync(place.path).mode & 0o7777).toBe(0o755);
      expect(viewThroughData(nodeFileSystem, place.path)).toEqual(viewOf(ONE, nodeFileSystem.owner));
      const again = new VolumeWriter({ fs: nodeFileSystem, directory: place.path, clock: new ManualClock() });
      expect(again.write(ONE).changed).toBe(false);
    } finally {
      process.umask(umask);
    }
  });

  test('the directory may be the path of a descriptor, whatever becomes of its own path', () => {
    using place = new TempDir('/dev/shm');
    mkdirSync(place.at('target'));
    const fd = openSync(place.at('target'), 'r');
    try {
      const options = { fs: nodeFileSystem, directory: `/proc/self/fd/${fd}`, clock: new ManualClock() };
      using writer = new VolumeWriter(options);
      const { generation } = writer.write(ONE);
      writer.write(TWO);
      expect(readlinkSync(place.at('target/..data'))).toBe(writer.generation);
      expect(readFileSync(place.at('target/password'), 'utf8')).toBe('two');
      expect(new VolumeWriter(options).write(TWO)).toMatchObject({ changed: false });
      writer.retireNow();
      expect(readdirSync(place.at('target'))).not.toContain(generation);
    } finally {
      closeSync(fd);
    }
  });
});
