// `npm test`: prepares the checkout, says which suites cannot run here and why, runs the others, and ends with a
// summary line. Further arguments go to vitest. With CI=true a missing prerequisite is a failure. When the run ends,
// also by a signal, every process that it started ends. package.json starts this script with `exec`, because npm passes
// signals to its shell only.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { adoptOrphans, descendantsOf, endDescendants, removeTraces, send } from './leftovers.mjs';
import { withoutSettings } from './own-environment.mjs';
import { PREREQUISITES } from './prerequisites.mjs';
import { PROGRESS_FILE } from './progress-reporter.mjs';
import { countProgress, countTests, describeSkipped, hasUnmetNeeds } from './test-report.mjs';
import { TEST_RUN, tempDirPrefix } from './test-run.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const PROGRESS_REPORTER = fileURLToPath(new URL('progress-reporter.mjs', import.meta.url));
const CACHE = fileURLToPath(new URL('../.cache', import.meta.url));
/** Enough for a container engine to stop its containers. */
const GRACE_MS = 4_000;

const isCi = process.env.CI === 'true';
const args = process.argv.slice(2);

/** @type {NodeJS.Signals | undefined} */
let stopped;
/** @type {import('node:child_process').ChildProcess | undefined} */
let vitest;
for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(name, () => {
    stopped ??= name;
    stopVitest();
  });
}

try {
  await bootstrap();
  const absent = PREREQUISITES.filter(({ isThere }) => !isThere());
  // Arguments choose tests: which of these they would have included is known only at the end.
  if (args.length === 0) for (const { suite, reason } of absent) console.log(`will not run here: ${suite} (${reason})`);
  process.exitCode = await runSuites(absent);
} catch (error) {
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/**
 * The exit code.
 *
 * @param {readonly import('./prerequisites.mjs').Prerequisite[]} absent
 */
async function runSuites(absent) {
  await adoptOrphans();
  const directory = mkdtempSync(join(CACHE, 'test-run-'));
  const report = join(directory, 'report.json');
  const progress = join(directory, 'progress');
  // A run that another run starts has its own.
  const run = randomBytes(3).toString('hex');
  try {
    const own = { XDG_CONFIG_HOME: directory, [TEST_RUN]: run, [PROGRESS_FILE]: progress };
    const status = await runVitest(report, { ...withoutSettings(process.env), ...own });
    const left = stopped === undefined ? descendantsOf(process.pid) : [];
    await endDescendants(GRACE_MS);
    removeTraces(tempDirPrefix({ [TEST_RUN]: run }));
    if (stopped !== undefined)
      return reportStopped(stopped, existsSync(progress) ? readFileSync(progress, 'utf8') : '');
    for (const { pid, command } of left) console.error(`The tests left process ${pid} behind: ${command}`);
    if (existsSync(report))
      return reportResults(JSON.parse(readFileSync(report, 'utf8')), absent, status, left.length > 0);
    console.error('vitest ended without a report, see above');
    return 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * The exit code; null if a signal ended vitest.
 *
 * @param {string} report
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number | null>}
 */
async function runVitest(report, env) {
  if (stopped !== undefined) return null;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const all = [VITEST, 'run', ...reporters, `--reporter=${PROGRESS_REPORTER}`, ...args];
  // In a session of its own: Ctrl-C ends this process, which then ends the others and prints the summary.
  vitest = spawn(process.execPath, all, { cwd: TOP, env, stdio: 'inherit', detached: true });
  const [status] = await once(vitest, 'exit');
  return status;
}

/**
 * Kills vitest and its workers, which would continue with the next test. Processes that they started get time to stop.
 */
function stopVitest() {
  if (vitest?.pid === undefined || vitest.exitCode !== null || vitest.signalCode !== null) return;
  const workers = descendantsOf(vitest.pid).filter(({ command }) => command.includes('/vitest/dist/'));
  send(vitest.pid, 'SIGKILL');
  for (const { pid } of workers) send(pid, 'SIGKILL');
}

/**
 * @param {NodeJS.Signals} signal
 * @param {string} progress
 */
function reportStopped(signal, progress) {
  const { passed, failed, skipped } = countProgress(progress);
  console.log(`\nstopped by ${signal}; the other tests did not run`);
  console.log(summary(passed, failed, skipped));
  return 128 + constants.signals[signal];
}

/**
 * @param {import('./test-report.mjs').Report} report
 * @param {readonly import('./prerequisites.mjs').Prerequisite[]} absent
 * @param {number | null} status
 * @param {boolean} hasLeft true if processes were left behind
 */
function reportResults(report, absent, status, hasLeft) {
  const missing = new Map(absent.map(({ suite, reason }) => [suite, reason]));
  const excused = new Set(absent.flatMap(({ suite, isHeavy }) => (isHeavy && !args.includes(suite) ? [suite] : [])));
  const { passed, failed, skipped } = countTests(report);
  const outside = [];
  if ((status !== 0 || hasLeft) && failed === 0) outside.push('the run failed outside its tests, see above');
  if (isCi && (missing.size > excused.size || hasUnmetNeeds(report, TOP, excused)))
    outside.push('CI must run every suite, see above');

  console.log();
  for (const line of [...describeSkipped(report, TOP, missing), ...outside]) console.log(line);
  console.log(summary(passed, failed + outside.length, skipped));
  return status === 0 && outside.length === 0 ? 0 : 1;
}

/**
 * @param {number} passed
 * @param {number} failed
 * @param {number} skipped
 */
function summary(passed, failed, skipped) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
