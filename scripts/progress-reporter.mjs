import { appendFileSync } from 'node:fs';

/** Set by `npm test`: the file that gets a letter for each test that is over. */
export const PROGRESS_FILE = 'LANTERN_TEST_PROGRESS';

/**
 * A reporter for vitest that records each finished test, because the full report is written only at the end of a run.
 */
export default class ProgressReporter {
  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    const file = process.env[PROGRESS_FILE];
    if (file !== undefined) appendFileSync(file, test.result().state.charAt(0));
  }
}
