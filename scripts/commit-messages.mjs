import { spawnSync } from 'node:child_process';

/** The last commit before the rule. */
const RULE_SINCE = 'd9f48f9758125a6ab31411e79fd750f3aed2239e';
const MAX_SUBJECT = 72;

/**
 * @typedef {{ readonly id: string, readonly subject: string, readonly body: string }} Commit
 */

/**
 * Faults of the commits since the rule, a line each; undefined where the history is not there to be read (an archive, a
 * shallow clone).
 *
 * @param {string} top the checkout
 * @returns {readonly string[] | undefined}
 */
export function findCommitFaults(top, since = RULE_SINCE) {
  const format = '--format=%h%x1f%s%x1f%b%x1e';
  const { status, stdout } = spawnSync('git', ['log', '--no-merges', format, `${since}..HEAD`], {
    cwd: top,
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  return stdout
    .split('\x1e')
    .map((record) => record.trim())
    .filter((record) => record !== '')
    .flatMap((record) => {
      const [id = '', subject = '', body = ''] = record.split('\x1f');
      return faultsOf({ id, subject, body });
    });
}

/**
 * @param {Commit} commit
 * @returns {readonly string[]}
 */
function faultsOf({ id, subject, body }) {
  const faults = [];
  if (subject.length > MAX_SUBJECT) {
    faults.push(
      `commit ${id}: the subject has ${subject.length} characters; at most ${MAX_SUBJECT}, and the rest in the body`,
    );
  }
  if (body.trim() === '') faults.push(`commit ${id} "${subject}": no body; say why the change is made`);
  return faults;
}
