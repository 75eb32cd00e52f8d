import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { withLock } from '../../../scripts/lock.mjs';
import { TOP } from '../../support/suite/compiled.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

test('one at a time for one checkout, whatever the work comes to; others are not held up', async () => {
  using directory = new TempDir();
  using other = new TempDir();
  const story: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = withLock(directory.path, async () => {
    story.push('first begins');
    await held;
    story.push('first ends');
    throw new Error('no luck');
  });
  const second = withLock(directory.path, () => void story.push('second'));
  await withLock(other.path, () => void story.push('other'));
  release();
  await expect(first).rejects.toThrow('no luck');
  await second;
  expect(story).toEqual(['first begins', 'other', 'first ends', 'second']);
});

test('a holder that is killed frees it', async () => {
  using directory = new TempDir();
  const script = `import { withLock } from '${TOP}/scripts/lock.mjs';
    await withLock('${directory.path}', () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1e9)); });`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const mine = withLock(directory.path, () => 'mine');
  holder.kill('SIGKILL');
  expect(await mine).toBe('mine');
});
