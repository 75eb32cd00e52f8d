/** The environment variable that names a run of the tests, for its workers and every process that they start. */
export const TEST_RUN = 'LANTERN_TEST_RUN';

/**
 * The prefix of a run's temporary directories. Two runs on one machine have different ones.
 *
 * @param {NodeJS.ProcessEnv} environment
 */
export function tempDirPrefix(environment) {
  return `lantern-test-${environment[TEST_RUN] ?? 'alone'}-`;
}
