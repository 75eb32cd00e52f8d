import { execFileSync } from 'node:child_process';
import fs, {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, test, vi } from 'vitest';
import { writeFileCopy } from '../../../../src/mount/direct/sub-path.ts';
import { DirectTargets, type DirectTargetsOptions, opennessOf } from '../../../../src/mount/direct/targets.ts';
import { libc } from '../../../../src/mount/linux/system-calls.ts';
import { TargetDirectories } from '../../../../src/mount/targets/target-directories.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { isRoot, setDefaultAccessList } from '../../../support/host/privileges.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const OTHER = 1234;

function targetsIn(root: string, options: Partial<DirectTargetsOptions> = {}): DirectTargets {
  const daemon = { user: process.geteuid?.() ?? -1, group: process.getegid?.() ?? -1 };
  return new DirectTargets({
    roots: new TargetRoots([root], []),
    allowDisk: false,
    inSharedDirectories: false,
    daemon,
    ...options,
  });
}

test.each([
  ['root', 0, 0, 0, 0o755, undefined],
  ['root', 0, 0, 0, 0o1777, undefined],
  ['root', 0, 0, 0, 0o1775, undefined],
  ['root', 0, 0, 0, 0o777, 'everybody'],
  ['root', 0, 0, 0, 0o775, 'the group 0'],
  ['root', 0, OTHER, 0, 0o755, 'the user 1234'],
  ['root', 0, OTHER, 0, 0o1777, 'the user 1234'],
  ['a user', 1000, 1000, 1000, 0o755, undefined],
  ['a user', 1000, 1000, 1000, 0o775, undefined],
  ['a user', 1000, 1000, OTHER, 0o775, 'the group 1234'],
  ['a user', 1000, 1000, 1000, 0o777, 'everybody'],
  ['a user', 1000, 0, 1000, 0o775, 'the group 1000'],
  ['a user', 1000, 0, 0, 0o755, undefined],
  ['a user', 1000, 0, 0, 0o1777, undefined],
  ['a user', 1000, OTHER, 1000, 0o700, 'the user 1234'],
] as const)('for a daemon of %s (%i): a directory of %i:%i with mode %o', (_, daemon, user, group, mode, openness) => {
  const status = { type: 'directory', mode, user, group, size: 0, device: '0:1', inode: 1n } as const;
  const found = opennessOf(status, { user: daemon, group: daemon });
  expect(found).toEqual(openness === undefined ? undefined : expect.stringContaining(openness));
});

describe.runIf(isRoot)('directories that others can write to (needs root)', () => {
  test.each<[string, (at: (path: string) => string) => void, string]>([
    ['the directory itself', (at) => chownSync(at('root/a/b'), OTHER, OTHER), 'root/a/b'],
    ['one above it', (at) => chownSync(at('root/a'), OTHER, OTHER), 'root/a'],
    ['the target root', (at) => chmodSync(at('root'), 0o777), 'root'],
    ['one that a group can write to', (at) => chmodSync(at('root/a'), 0o775), 'root/a'],
    [
      'one whose access list lets a user write',
      (at) => {
        renameSync(at('root/a/b'), at('root/a/plain'));
        setDefaultAccessList(at('root/a'), OTHER);
        mkdirSync(at('root/a/b'), 0o777);
      },
      'root/a/b',
    ],
  ])('refused, naming the directory and the remedy: %s', (_, open, named) => {
    using dir = new TempDir('/dev/shm');
    mkdirSync(dir.at('root/a/b'), { recursive: true });
    open((path) => dir.at(path));
    const before = { descriptors: openDescriptors(), tree: listTree(dir.path) };
    for (const prepare of ['prepareDirectory', 'prepareFile'] as const) {
      expect(lanternErrorOf(() => targetsIn(dir.at('root'))[prepare](dir.at('root/a/b/t')))).toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(new RegExp(`"${dir.at(named)}" .*--direct-in-shared-directories`)),
      });
    }
    expect({ descriptors: openDescriptors(), tree: listTree(dir.path) }).toEqual(before);
    const prepared = targetsIn(dir.at('root'), { inSharedDirectories: true }).prepareDirectory(dir.at('root/a/b/t'));
    prepared.opened[Symbol.dispose]();
    expect(statSync(dir.at('root/a/b/t'))).toMatchObject({ uid: 0, mode: 0o040755 });
  });

  test('what lies above the target root is the operator’s business, and a sticky directory is closed', () => {
    using dir = new TempDir('/dev/shm');
    mkdirSync(dir.at('theirs/root/sticky'), { recursive: true });
    chownSync(dir.at('theirs'), OTHER, OTHER);
    chmodSync(dir.at('theirs/root/sticky'), 0o1777);
    const prepared = targetsIn(dir.at('theirs/root')).prepareDirectory(dir.at('theirs/root/sticky/t'));
    prepared.opened[Symbol.dispose]();
    expect(statSync(dir.at('theirs/root/sticky/t')).uid).toBe(0);
  });

  test('neither their access list nor their group is handed on to what is rendered', () => {
    using dir = new TempDir('/dev/shm');
    mkdirSync(dir.at('theirs'));
    chmodSync(dir.path, 0o755);
    setDefaultAccessList(dir.at('theirs'), OTHER);
    chownSync(dir.at('theirs'), OTHER, OTHER);
    chmodSync(dir.at('theirs'), 0o2777);
    const targets = targetsIn(dir.path, { inSharedDirectories: true });
    using file = targets.prepareFile(dir.at('theirs/f')).opened;
    using _directory = targets.prepareDirectory(dir.at('theirs/d')).opened;
    const bytes = Buffer.from('s3cret');
    writeFileCopy(file.path, { bytes, mode: 0o640, user: undefined, group: undefined }, undefined);
    writeFileSync(dir.at('theirs/d/f'), bytes, { mode: 0o600 });
    chmodSync(dir.at('theirs/d/f'), 0o640);
    for (const path of ['theirs/f', 'theirs/d/f']) {
      expect(statSync(dir.at(path))).toMatchObject({ uid: 0, gid: process.getegid?.() });
      const read = () => execFileSync('cat', [dir.at(path)], { uid: OTHER, gid: OTHER, stdio: 'pipe' });
      expect(read).toThrow(/Permission denied/);
    }
  });
});

type Calls = Record<string, (...values: unknown[]) => unknown>;

/** Lets something happen right after the next call that makes a directory, or a file that was not there. */
function after(call: 'mkdirat' | 'openSync', happen: () => void): Disposable {
  const calls = (call === 'mkdirat' ? libc() : fs) as unknown as Calls;
  const original = calls[call];
  let isDone = false;
  const spy = vi.spyOn(calls, call).mockImplementation((...values) => {
    const result = original?.(...values);
    const isMaking = call === 'mkdirat' || (Number(values[1]) & fs.constants.O_EXCL) !== 0;
    if (isMaking && !isDone) {
      isDone = true;
      happen();
    }
    return result;
  });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      spy.mockRestore();
      syncBuiltinESMExports();
      expect(isDone).toBe(true);
    },
  };
}

describe.runIf(isRoot)('what is exchanged right after it was made (needs root)', () => {
  const MAKERS = {
    prepareDirectory: (top: string, path: string) =>
      targetsIn(top, { inSharedDirectories: true }).prepareDirectory(path).opened[Symbol.dispose](),
    'the directories of a pod': (top: string, path: string) =>
      void new TargetDirectories(new TargetRoots([top], [])).make(path, `${path}/t`, {
        accessOf: () => 'everybody',
        onReachable: () => {},
      }),
  };
  test.each(
    Object.entries(MAKERS).flatMap(([maker, make]) => [
      { maker, make, by: 'a directory of another user', plant: plantTheirs, code: 'aborted' },
      { maker, make, by: 'a directory with something in it', plant: plantFull, code: /aborted|failed-precondition/ },
      { maker, make, by: 'a file', plant: (path: string) => writeFileSync(path, ''), code: 'aborted' },
      { maker, make, by: 'a link', plant: (path: string) => symlinkSync('full', path), code: 'failed-precondition' },
      { maker, make, by: 'nothing', plant: () => {}, code: 'aborted' },
    ]),
  )('$maker: by $by', ({ make, plant, code }) => {
    using dir = new TempDir('/dev/shm');
    mkdirSync(dir.at('full'), 0o700);
    writeFileSync(dir.at('full/f'), 'kept');
    const path = dir.at('t');
    const before = openDescriptors();
    let planted: fs.Stats | undefined;
    {
      using _ = after('mkdirat', () => {
        renameSync(path, dir.at('moved'));
        plant(path, dir.at('full'));
        planted = lstatSync(path, { throwIfNoEntry: false });
      });
      expect(lanternErrorOf(() => make(dir.path, path)).code).toMatch(code);
    }
    const now = lstatSync(path, { throwIfNoEntry: false });
    const known = (stats: fs.Stats | undefined) => stats && [stats.ino, stats.mode, stats.uid, stats.gid];
    expect(known(now)).toEqual(known(planted));
    expect(openDescriptors()).toBe(before);
  });

  function plantTheirs(path: string): void {
    mkdirSync(path, 0o700);
    chownSync(path, OTHER, OTHER);
  }

  function plantFull(path: string, full: string): void {
    renameSync(full, path);
  }

  test('a file: the bytes go to what was made, whatever has its name', () => {
    using dir = new TempDir('/dev/shm');
    const path = dir.at('t');
    const prepared = (() => {
      using _ = after('openSync', () => {
        renameSync(path, dir.at('moved'));
        writeFileSync(path, '', { mode: 0o666 });
        chownSync(path, OTHER, OTHER);
      });
      return targetsIn(dir.path, { inSharedDirectories: true }).prepareFile(path);
    })();
    using opened = prepared.opened;
    const file = { bytes: Buffer.from('s3cret'), mode: 0o400, user: undefined, group: undefined };
    writeFileCopy(opened.path, file, undefined);
    expect(['moved', 't'].map((name) => readFileSync(dir.at(name), 'utf8'))).toEqual(['s3cret', '']);
    prepared.undo();
    expect(statSync(path)).toMatchObject({ uid: OTHER, size: 0 });
  });
});
