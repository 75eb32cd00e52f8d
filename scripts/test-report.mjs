import { relative } from 'node:path';

/**
 * The part of vitest's JSON report that is read here.
 *
 * @typedef {{ fullName: string, status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled' }} ReportedTest
 * @typedef {{ name: string, status: 'passed' | 'failed', assertionResults: ReportedTest[] }} ReportedFile
 * @typedef {{ testResults: ReportedFile[] }} Report
 */

/**
 * The results of a run. A file that could not be loaded counts as one failure.
 *
 * @param {Report} report
 */
export function countTests({ testResults }) {
  const statuses = testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const passed = statuses.filter((status) => status === 'passed').length;
  const failed = statuses.filter((status) => status === 'failed').length;
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  return { passed, failed: failed + broken.length, skipped: statuses.length - passed - failed };
}

/**
 * The results of a run that was stopped, from a letter for each finished test.
 *
 * @param {string} letters the first of "passed", "failed", "skipped" and "pending"
 */
export function countProgress(letters) {
  const passed = letters.split('p').length - 1;
  const failed = letters.split('f').length - 1;
  return { passed, failed, skipped: letters.length - passed - failed };
}

/**
 * The tests that did not run: one line for each suite or file and reason. The reason is the suite's missing
 * prerequisite, or what the titles say in parentheses, e.g. "(needs root)".
 *
 * @param {Report} report
 * @param {string} top the checkout
 * @param {ReadonlyMap<string, string>} missing suite → reason
 */
export function describeSkipped({ testResults }, top, missing) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { name, assertionResults } of testResults) {
    const file = relative(top, name);
    const suite = suiteOf(name, top);
    for (const { fullName, status } of assertionResults) {
      if (status === 'passed' || status === 'failed') continue;
      const need = /\((needs [^)]+)\)/.exec(fullName)?.[1];
      const reason = missing.get(suite) ?? need ?? 'skips itself here';
      const what = `${missing.has(suite) ? suite : file} (${reason})`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
  }
  return [...counts].map(([what, count]) => `not run here: ${what}: ${count} test${count === 1 ? '' : 's'}`);
}

/**
 * True if tests were skipped for a need that their titles name and that is not excused.
 *
 * @param {Report} report
 * @param {string} top the checkout
 * @param {ReadonlySet<string>} excused suites and needs that may be missing
 */
export function hasUnmetNeeds({ testResults }, top, excused) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const met = new Set(tests.flatMap(({ fullName, status }) => (status === 'passed' ? needsIn(fullName) : [])));
  return testResults.some(
    ({ name, assertionResults }) =>
      !excused.has(suiteOf(name, top)) &&
      assertionResults.some(
        ({ fullName, status }) =>
          status !== 'passed' && status !== 'failed' && !isExcused(needsIn(fullName), excused, met),
      ),
  );
}

/**
 * True if a test may be skipped: it names no need, or an excused one while its other needs are met. A need is met if
 * another test with it has passed.
 *
 * @param {readonly string[]} needs
 * @param {ReadonlySet<string>} excused
 * @param {ReadonlySet<string>} met
 */
function isExcused(needs, excused, met) {
  const others = needs.filter((need) => !excused.has(need));
  return others.length === 0 || (others.length < needs.length && others.every((need) => met.has(need)));
}

/** @param {string} title */
function needsIn(title) {
  return [...title.matchAll(/\(needs ([^)]+)\)/g)].map(([, need = '']) => need);
}

/**
 * @param {string} file
 * @param {string} top
 */
function suiteOf(file, top) {
  return relative(top, file).split('/')[1] ?? file;
}
