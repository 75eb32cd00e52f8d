/**
 * Reads csi-sanity's report of its run.
 *
 * @typedef {{ passed: number, failed: readonly string[], skipped: readonly string[] }} Results
 */

const CASE = /<testcase name="([^"]*)"[^>]*? status="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs;
/** Ginkgo's own steps around the specs. */
const NOT_A_SPEC = /^\[(?!It\])/;

/**
 * Reads a JUnit report of Ginkgo's. A skipped spec counts by its reason, since it says which capability it is about;
 * every other outcome but "passed" is a failure.
 *
 * @param {string} xml
 * @returns {Results}
 */
export function readJunit(xml) {
  let passed = 0;
  const failed = [];
  const skipped = [];
  for (const [, name = '', status, body = ''] of xml.matchAll(CASE)) {
    if (status === 'passed') passed += NOT_A_SPEC.test(name) ? 0 : 1;
    else if (status === 'pending') skipped.push('pending');
    else if (status === 'skipped') skipped.push(/<skipped message="skipped - ([^"]*)"/.exec(body)?.[1] ?? 'unknown');
    else failed.push(name.replace(/^\[It\] /, ''));
  }
  return { passed, failed, skipped };
}
