import { LanternError, toLanternError } from '../base/errors.ts';

/** What stands against listening, by the errno that grpc-js leaves in the text of its error and nowhere else. */
const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or choose another address',
  EADDRNOTAVAIL: 'this machine does not have that address',
};

/** Why a server could not be bound, as an error that says what to do where that is known. `what` as in `toLanternError`. */
export function bindError(error: unknown, what: string): LanternError {
  const errno = error instanceof Error ? /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] : undefined;
  const problem = errno === undefined ? undefined : PROBLEMS[errno];
  if (problem !== undefined) return new LanternError('failed-precondition', `${what}: ${problem}`, { cause: error });
  return toLanternError(errno === undefined ? error : Object.assign(new Error(errno), { code: errno }), what);
}
