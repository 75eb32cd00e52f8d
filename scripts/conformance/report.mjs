/**
 * Prints a suite's results; problems make the run a failure.
 *
 * @param {string} name
 * @param {string} unit
 * @param {{ passed: number, problems: readonly string[] }} results
 */
export function report(name, unit, { passed, problems }) {
  for (const problem of problems) console.log(`${name}: ${problem}`);
  console.log(`${name}: ${passed} ${unit} passed${problems.length > 0 ? `, ${problems.length} problems` : ''}`);
  if (problems.length > 0) process.exitCode = 1;
}
