import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { MountFixture } from '../../support/host/mounts.ts';
import { mayMount } from '../../support/host/privileges.ts';
import { findLeaks, mountLines } from '../../support/suite/leak-check.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

// Other tests of this run may hold something at the same time, so each looks for its own.
const leaksThatMention = (text: string) => findLeaks(mountLines()).filter((leak) => leak.includes(text));

test('a temporary directory counts until it is removed', () => {
  const directory = new TempDir('/dev/shm');
  expect(leaksThatMention(directory.path)).toEqual([`directory: ${directory.path}`]);
  directory[Symbol.dispose]();
  expect(leaksThatMention(directory.path)).toEqual([]);
});

test('a process counts until it is gone, also when its parent is gone first', async () => {
  const shell = spawn('sh', ['-c', 'sleep 4711 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const pid = await firstLine(shell);
  const mine = `process ${pid}: sleep 4711`;
  // The shell has said the pid before the child has become `sleep`.
  await expect.poll(() => leaksThatMention(mine)).toEqual([mine]);
  process.kill(Number(pid), 'SIGKILL');
  await expect.poll(() => leaksThatMention(mine)).toEqual([]);
});

test.runIf(mayMount)('a mount counts until it is unmounted (needs root)', () => {
  const mount = new MountFixture();
  expect(leaksThatMention(mount.path)).toHaveLength(2);
  mount[Symbol.dispose]();
  expect(leaksThatMention(mount.path)).toEqual([]);
});

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('stdout is not a pipe');
  const [output] = await once(child.stdout, 'data');
  await once(child, 'exit');
  return String(output).trim();
}
