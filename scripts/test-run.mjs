/** The environment variable that names a run of the tests, for its workers and every process that they start. */
export const TEST_RUN = 'LANTERN_TEST_RUN';

/**
 * What the temporary directories of a run start with, so that two runs on one machine can tell theirs apart.
 *
 * @param {NodeJS.ProcessEnv} environment
 */
export function tempDirPrefix(environment) {
  return `lantern-test-${environment[TEST_RUN] ?? 'alone'}-`;
}
