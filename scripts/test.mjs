// `npm test`: prepares the checkout, runs every suite, says what could not run here and why, and ends with one plain line.
// Further arguments go to vitest. With CI=true a prerequisite that is missing is a failure: nothing is skipped in silence.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { PREREQUISITES } from './prerequisites.mjs';
import { countTests, describeSkipped, hasUnmetNeeds } from './test-report.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORT = fileURLToPath(new URL('../.cache/test-report.json', import.meta.url));

const isCi = process.env.CI === 'true';
const args = process.argv.slice(2);

try {
  await bootstrap();
  process.exitCode = runSuites();
} catch (error) {
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** The exit code. */
function runSuites() {
  rmSync(REPORT, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const { status } = spawnSync(process.execPath, [VITEST, 'run', ...reporters, ...args], {
    cwd: TOP,
    stdio: 'inherit',
  });
  if (!existsSync(REPORT)) {
    console.error('vitest ended without a report, see above');
    return 1;
  }
  /** @type {import('./test-report.mjs').Report} */
  const report = JSON.parse(readFileSync(REPORT, 'utf8'));
  const absent = PREREQUISITES.filter(({ isThere }) => !isThere());
  const missing = new Map(absent.map(({ suite, reason }) => [suite, reason]));
  const excused = new Set(absent.flatMap(({ suite, isHeavy }) => (isHeavy && !args.includes(suite) ? [suite] : [])));
  const { passed, failed, skipped } = countTests(report);
  const outside = [];
  if (status !== 0 && failed === 0) outside.push('the run failed outside its tests, see above');
  if (isCi && (missing.size > excused.size || hasUnmetNeeds(report, TOP, excused)))
    outside.push('CI must run every suite, see above');

  console.log();
  for (const line of [...describeSkipped(report, TOP, missing), ...outside]) console.log(line);
  console.log(`${passed} passed, ${failed + outside.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return status === 0 && outside.length === 0 ? 0 : 1;
}
