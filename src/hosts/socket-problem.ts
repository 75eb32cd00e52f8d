import { describeErrno } from '../base/errno-text.ts';
import { errnoOf } from '../base/errors.ts';

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
};

/** Why a unix socket could not be connected to, as the end of a sentence; undefined when the error is of another kind. */
export function socketProblem(error: unknown): string | undefined {
  const errno = errnoOf(error);
  return errno === undefined ? undefined : (PROBLEMS[errno] ?? describeErrno(errno));
}
