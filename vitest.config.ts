import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// One project per kind of suite, so that each can run alone: `npx vitest run --project unit`.
const suite = (name: string, timeoutMs: number, options: object = {}) => ({
  test: {
    name,
    ...options,
    include: [`test/${name}/**/*.test.ts`],
    setupFiles: ['test/support/suite/patience.ts', 'test/support/suite/end-children.ts'],
    expect: { poll: { timeout: 15_000 } },
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
});

// Files share nothing on the machine. More than four at once were not tried.
const COMPUTING = { isolate: false, maxWorkers: Math.min(availableParallelism(), 4) };
/** Their tests mostly wait for processes that they started. They run after the others, since vitest wants it so. */
const WAITING = { maxWorkers: Math.min(2 * availableParallelism(), 4), sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    globalSetup: 'test/support/suite/leak-check.ts',
    projects: [
      // Nothing in them outlives its test, so their files share a process: starting one, and loading the same modules
      // again, took as long as the tests.
      suite('unit', 20_000, COMPUTING),
      suite('contract', 20_000, COMPUTING),
      suite('integration', 30_000, WAITING),
      suite('system', 120_000, WAITING),
      // They load images into the engine.
      suite('compose', 600_000, { fileParallelism: false }),
      // They install the package from its file.
      suite('package', 120_000, { fileParallelism: false }),
      // They start the machine's own systemd, in namespaces.
      suite('systemd', 120_000, { fileParallelism: false }),
      // They start a browser.
      suite('browser', 60_000, { fileParallelism: false }),
      // They compare the mounts of the whole machine. The time is that of the command, with a margin.
      suite('hostile', Number(process.env.LANTERN_HOSTILE_SECONDS ?? 0) * 1_000 + 240_000, { fileParallelism: false }),
    ],
  },
});
