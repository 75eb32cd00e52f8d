import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { TOP } from '../support/suite/compiled.ts';

/** Has many threads and much memory, so that its end takes some time. Prints the pid of what it started. */
const PARENT = `
  const { pid } = require('node:child_process').spawn('sleep', ['4713']);
  globalThis.memory = Buffer.alloc(3e8, 1);
  console.log(pid);
  setInterval(() => {}, 1e6);`;

/** Prints how many lists, made while the parent ends, lack its child. In a process of its own, which adopts orphans. */
const LOOK = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { adoptOrphans, descendantsOf } from './scripts/leftovers.mjs';
  await adoptOrphans();
  let lacking = 0;
  for (let round = 0; round < 10; round++) {
    const options = { stdio: ['ignore', 'pipe', 'inherit'] };
    const parent = spawn(process.execPath, ['-e', ${JSON.stringify(PARENT)}], options);
    const [pid] = (await once(parent.stdout, 'data')).map(Number);
    parent.kill('SIGKILL');
    for (const end = Date.now() + 60; Date.now() < end; )
      if (!descendantsOf(process.pid).some((found) => found.pid === pid)) lacking += 1;
    process.kill(pid, 'SIGKILL');
    await once(parent, 'close');
  }
  console.log(lacking);
  process.exit();`;

test('what a process has started is found while that process ends', () => {
  const args = ['--input-type=module', '-e', LOOK];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: TOP, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
});
