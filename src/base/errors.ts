import { describeErrno } from './errno-text.ts';

/**
 * Everything that can go wrong, as a closed set: `rpc` maps each code to one gRPC status, the command line to one
 * exit code. `invalid-argument` carries the faults, one per field.
 */
export type ErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'resource-exhausted'
  | 'permission-denied'
  | 'aborted'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'unavailable'
  | 'out-of-range'
  | 'unimplemented'
  | 'data-loss'
  | 'internal';

/** Why, in a word that programs can act on; undefined where the code says it all. */
export type ErrorReason = 'MISSING_OBJECTS' | 'STORE_UNSYNCED' | 'POOL_FULL';

/** One thing wrong with one field. `field` is a path as Kubernetes prints it; neither part ever holds a secret byte. */
export type Fault = { readonly field: string; readonly message: string };

/**
 * The one error class. Messages follow one grammar: what was tried, on what (quoted), what stands against it, what
 * to do. `cause` is for debugging only: it never reaches an answer or a log, because parser errors quote their input.
 */
export class LanternError extends Error {
  override readonly name = 'LanternError';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  readonly reason: ErrorReason | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; faults?: readonly Fault[]; reason?: ErrorReason } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.faults = options.faults ?? [];
    this.reason = options.reason;
  }
}

/** The faults of one input as one error; every fault is in the message, so that a log line or a status alone is enough. */
export function invalid(faults: readonly Fault[]): LanternError {
  const text = faults.map((fault) => (fault.field ? `${fault.field}: ${fault.message}` : fault.message)).join('; ');
  return new LanternError('invalid-argument', text, { faults });
}

const CODE_OF_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'resource-exhausted',
  EDQUOT: 'resource-exhausted',
  ENOMEM: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  ENFILE: 'resource-exhausted',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'failed-precondition',
  ELOOP: 'failed-precondition',
  ENOTDIR: 'failed-precondition',
  EBUSY: 'failed-precondition',
  ENOENT: 'not-found',
  EEXIST: 'already-exists',
  ENAMETOOLONG: 'invalid-argument',
};

/** The errno name (`ENOENT`) of an error from Node or from a system call of ours; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/**
 * Any thrown thing as a LanternError; `what` says what was tried, on what (`create the target "/x"`). An abort keeps
 * its meaning (`cancelled`, or `deadline-exceeded` for a timeout); errno values map by one table to a code and by another to
 * a text; the rest is `internal`.
 */
export function toLanternError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError) return error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new LanternError('deadline-exceeded', `${what}: the deadline passed`, { cause: error });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new LanternError('cancelled', `${what}: the call was cancelled`, { cause: error });
  }
  const errno = errnoOf(error);
  const code = errno === undefined ? 'internal' : (CODE_OF_ERRNO[errno] ?? 'internal');
  return new LanternError(code, `${what}: ${obstacleOf(error)}`, { cause: error });
}

/** What stands against a call that threw this, and what to do, for a text that says the rest. */
export function obstacleOf(error: unknown): string {
  const errno = errnoOf(error);
  return errno === undefined ? 'an unexpected error' : describeErrno(errno);
}

/** Whether it is an error of ours with that code. */
export function hasCode(error: unknown, code: LanternError['code']): boolean {
  return error instanceof LanternError && error.code === code;
}
