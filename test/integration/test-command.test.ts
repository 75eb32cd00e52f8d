import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { isRunning, mountsOf } from '../../scripts/leftovers.mjs';
import { TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

/** What the fixture's test has on the machine while it hangs. */
type Hanging = { readonly directory: string; readonly pids: readonly number[] };

/** `npm test` on a suite whose second test never ends. */
class HangingRun implements Disposable {
  readonly #directory = new TempDir();
  readonly #file = this.#directory.at('hanging.json');
  readonly process: ChildProcess;

  constructor(timeoutMs: number) {
    const env = {
      ...process.env,
      LANTERN_TEST_HANG_FILE: this.#file,
      LANTERN_TEST_HANG_MS: String(timeoutMs),
    };
    const args = ['scripts/test.mjs', '--config', 'test/fixtures/hanging/vitest.config.ts'];
    this.process = spawn(process.execPath, args, { cwd: TOP, env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async hanging(): Promise<Hanging> {
    return await vi.waitFor(() => JSON.parse(readFileSync(this.#file, 'utf8')), { timeout: 45_000 });
  }

  async end(): Promise<{ readonly code: number | null; readonly output: string }> {
    const { stdout, stderr } = this.process;
    if (stdout === null || stderr === null) throw new Error('a stream is missing');
    const [output, , [code]] = await Promise.all([text(stdout), text(stderr), once(this.process, 'exit')]);
    return { code, output };
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL');
    this.#directory[Symbol.dispose]();
  }
}

function expectNothingLeft({ directory, pids }: Hanging): void {
  expect(pids).toHaveLength(3);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(mountsOf(directory)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
}

describe('npm test', { timeout: 90_000 }, () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends what its tests have started, takes away what they made, and is told in the last line',
    async (signal) => {
      using run = new HangingRun(300_000);
      const ended = run.end();
      const hanging = await run.hanging();
      run.process.kill(signal);
      const { code, output } = await ended;
      expectNothingLeft(hanging);
      expect(code).toBe(128 + constants.signals[signal]);
      expect(output.trimEnd().split('\n').slice(-2)).toEqual([
        `stopped by ${signal}; the other tests did not run`,
        '1 passed, 0 failed',
      ]);
    },
  );

  test('a test that times out takes with it what it has started', async () => {
    using run = new HangingRun(10_000);
    const ended = run.end();
    const hanging = await run.hanging();
    const { code, output } = await ended;
    expectNothingLeft(hanging);
    expect(code).toBe(1);
    expect(output.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed');
  });
});
