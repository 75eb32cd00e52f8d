import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MemoryDirectory, memoryParents } from '../../../../src/cli/exec/memory-directory.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

test('is 0700 in the first place that is in memory, and removed with all it holds, twice', () => {
  using parent = new TempDir('/dev/shm');
  const directory = MemoryDirectory.create(['/proc', '/no/such/place', parent.path], 'test');
  expect(readdirSync(parent.path).map((name) => parent.at(name))).toEqual([directory.path]);
  expect(statSync(directory.path).mode & 0o777).toBe(0o700);
  writeFileSync(directory.at('file'), '');
  directory[Symbol.dispose]();
  directory[Symbol.dispose]();
  expect(existsSync(directory.path)).toBe(false);
});

test('no place in memory is refused, each with its reason', () => {
  expect(() => MemoryDirectory.create(['/proc', '/no/such/place'], 'test')).toThrow(
    'create a directory in memory: "/proc" is on a disk; "/no/such/place" cannot be used: no such file or directory (ENOENT); create it, or name another',
  );
});

test("the user's runtime directory comes first, when it is one", () => {
  expect(memoryParents({ XDG_RUNTIME_DIR: '/run/user/7' })).toEqual(['/run/user/7', '/dev/shm']);
  expect(memoryParents({ XDG_RUNTIME_DIR: '' })).toEqual(['/dev/shm']);
});
