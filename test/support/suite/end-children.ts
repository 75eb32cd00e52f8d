import { afterAll, afterEach } from 'vitest';
import { descendantsOf, send } from '../../../scripts/leftovers.mjs';

let hasFailed = false;
afterEach(({ task }) => {
  hasFailed ||= task.result?.state === 'fail';
});

// A test that timed out never reaches the end of its `using`, so its daemons would outlive it. What stays behind where
// all tests passed is a fault of theirs, which the leak check tells.
afterAll(() => {
  if (hasFailed) for (const { pid } of descendantsOf(process.pid)) send(pid, 'SIGKILL');
});
