import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

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
type ErrorReason = 'MISSING_OBJECTS' | 'STORE_UNSYNCED' | 'POOL_FULL';

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

/**
 * What an errno means to whoever reads an error: what stands against the call, and what to do about it. The name stays in
 * parentheses, for those who search for it. One that is not in the table is rare enough for the system's words alone.
 */
export function describeErrno(errno: string): string {
  const [obstacle, remedy] = TEXTS[errno] ?? [SYSTEM_TEXTS.get(errno) ?? 'the system refuses it', undefined];
  return remedy === undefined ? `${obstacle} (${errno})` : `${obstacle} (${errno}); ${remedy}`;
}

const SYSTEM_TEXTS: ReadonlyMap<string, string> = new Map(getSystemErrorMap().values());

/** Obstacle and remedy; none where the obstacle says what to do. */
const TEXTS: Readonly<Record<string, readonly [obstacle: string, remedy?: string]>> = {
  E2BIG: ['arguments and environment are longer than the kernel takes', 'pass less of them'],
  EACCES: ['permission is denied', 'change its mode or owner, or run as a user who may'],
  EADDRINUSE: ['the address is in use', 'stop whoever uses it, or choose another'],
  EBADF: ['it was closed meanwhile', 'try again'],
  EBUSY: ['it is in use', 'end what uses it, or unmount what is mounted on it'],
  ECONNREFUSED: ['nobody listens there', 'start what should listen, or name another address'],
  ECONNRESET: ['the other side closed the connection', 'try again'],
  EDQUOT: ['the quota is used up', 'make room, or raise the quota'],
  EEXIST: ['it exists already', 'remove it, or choose another name'],
  EFBIG: ['the file would be too large', 'raise the limit of file sizes'],
  EINVAL: ['the kernel does not accept this', 'see whether kernel and file system support it'],
  EIO: ['the device reports an error', "see the kernel's log"],
  EISDIR: ['it is a directory', 'name a file'],
  ELOOP: ['a symbolic link is in the way', 'name the real path'],
  EMFILE: ['the process has no descriptors left', 'raise its limit of open files (ulimit -n, LimitNOFILE=)'],
  EMLINK: ['there are too many links', 'use another directory'],
  ENAMETOOLONG: ['the path is too long', 'choose a shorter one'],
  ENFILE: ['the machine has no descriptors left', 'raise fs.file-max'],
  ENODEV: ['the kernel lacks this file system or device', 'load its module'],
  ENOENT: ['no such file or directory', 'create it, or name another'],
  ENOMEM: ['no memory is left', 'free some, or raise the limit'],
  ENOSPC: ['no space is left', 'make room'],
  ENOSYS: [
    'the kernel lacks this system call, or a seccomp profile hides it',
    'use a newer kernel, or another profile',
  ],
  ENOTCONN: ['there is no connection', 'try again'],
  ENOTDIR: ['something on the way is no directory', 'name another path'],
  ENOTEMPTY: ['the directory is not empty', 'empty it first'],
  ENOTFOUND: ['no such host is known', 'check the name, or the resolver'],
  ENOTSUP: ['the file system does not support it', 'use another file system'],
  ENXIO: ['nobody is at the other end', 'start what should be'],
  EPERM: ['the operation is not permitted', 'give the process the capability for it, or run it as root'],
  EPIPE: ['the reader is gone'],
  EROFS: ['the file system is read-only', 'mount it writable, or choose another place'],
  ESTALE: ['the file is gone from its server', 'mount its file system again'],
  ETIMEDOUT: ['no answer came in time', 'see whether the other side is up'],
  ETXTBSY: ['the program is running', 'end it first'],
  EXDEV: ['it lies on another file system', 'choose a place on the same one'],
};

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/**
 * A failed system call in the shape of Node's own errors: `code` is the errno's name, so that `errnoOf` of
 * base/errors understands it. `path` is what the call was made on, if it was made on a path.
 */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(errno: number, syscall: string, path: string | undefined) {
    const code = NAMES.get(errno) ?? `E${errno}`;
    super(path === undefined ? `${code}: ${syscall}` : `${code}: ${syscall} '${path}'`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}
