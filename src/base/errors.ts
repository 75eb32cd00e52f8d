import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** `rpc` maps each code to a gRPC status, `cli` to an exit code. `invalid-argument` has one fault per field. */
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

/** A cause that programs can act on; undefined where the code is enough. */
type ErrorReason = 'MISSING_OBJECTS' | 'STORE_UNSYNCED' | 'POOL_FULL';

/** `field` is a path in Kubernetes' notation. Neither part contains secret bytes. */
export type Fault = { readonly field: string; readonly message: string };

/**
 * The only error class. A message has up to four parts: action, object (quoted), obstacle, remedy, as in `write "/x":
 * it exists already; name another file`. `cause` is only for debugging and never reaches an answer or a log, because
 * errors of parsers quote their input.
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

  /** Puts `what` before the message, as in `volume "a": …`. This error becomes the cause. */
  within(what: string): LanternError {
    const { code, message, faults, reason } = this;
    return new LanternError(code, `${what}: ${message}`, { cause: this, faults, ...(reason && { reason }) });
  }
}

export function hasCode(error: unknown, code: ErrorCode): error is LanternError {
  return error instanceof LanternError && error.code === code;
}

export function invalid(faults: readonly Fault[]): LanternError {
  const text = faults.map((fault) => (fault.field ? `${fault.field}: ${fault.message}` : fault.message)).join('; ');
  return new LanternError('invalid-argument', text, { faults });
}

/**
 * `what` names action and object: `create the target "/x"`. An abort becomes `cancelled`, a timeout
 * `deadline-exceeded`, an errno the code and text of its row in `ERRNOS`, the rest `internal`.
 */
export function toLanternError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError) return error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new LanternError('deadline-exceeded', `${what}: the deadline passed`, { cause: error });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new LanternError('cancelled', `${what}: the call was cancelled`, { cause: error });
  }
  const [code] = ERRNOS[errnoOf(error) ?? ''] ?? ['internal'];
  return new LanternError(code, `${what}: ${obstacleOf(error)}`, { cause: error });
}

export function obstacleOf(error: unknown): string {
  const errno = errnoOf(error);
  return errno === undefined ? 'an unexpected error' : describeErrno(errno);
}

/** Returns the errno name (`ENOENT`) of an error of Node's or a SystemCallError; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** Returns `fallback` if the system refuses `action` with an errno; other errors are thrown. */
export function fallbackOnErrno<T, F>(action: () => T, fallback: F): T | F {
  try {
    return action();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return fallback;
  }
}

/** Obstacle and remedy, with the errno's name for searches: `no space is left (ENOSPC); make room`. */
export function describeErrno(errno: string): string {
  const [, obstacle, remedy] = ERRNOS[errno] ?? [undefined, SYSTEM_TEXTS.get(errno) ?? 'the system refuses it'];
  return remedy === undefined ? `${obstacle} (${errno})` : `${obstacle} (${errno}); ${remedy}`;
}

const ERRNOS: Readonly<Record<string, readonly [code: ErrorCode, obstacle: string, remedy?: string]>> = {
  E2BIG: ['internal', "arguments and environment exceed the kernel's limit", 'pass fewer'],
  EACCES: ['permission-denied', 'permission is denied', 'change its mode or owner, or run as a permitted user'],
  EADDRINUSE: ['internal', 'the address is in use', 'stop what uses it, or choose another'],
  EBADF: ['internal', 'it has been closed', 'try again'],
  EBUSY: ['failed-precondition', 'it is in use', 'stop what uses it, or unmount it'],
  ECONNREFUSED: ['internal', 'nothing listens there', 'start the server, or name another address'],
  ECONNRESET: ['internal', 'the other side closed the connection', 'try again'],
  EDQUOT: ['resource-exhausted', 'the quota is used up', 'make room, or raise the quota'],
  EEXIST: ['already-exists', 'it exists already', 'remove it, or choose another name'],
  EFBIG: ['internal', 'the file would be too large', 'raise the file size limit'],
  EINVAL: ['internal', 'the kernel rejects this', 'check that the kernel and the file system support it'],
  EIO: ['internal', 'the device reports an error', "see the kernel's log"],
  EISDIR: ['internal', 'it is a directory', 'name a file'],
  ELOOP: ['failed-precondition', 'a symbolic link is in the way', 'name the real path'],
  EMFILE: ['resource-exhausted', 'the process has too many open files', 'raise its limit (ulimit -n, LimitNOFILE=)'],
  EMLINK: ['internal', 'there are too many links', 'use another directory'],
  ENAMETOOLONG: ['invalid-argument', 'the path is too long', 'choose a shorter one'],
  ENFILE: ['resource-exhausted', 'the machine has too many open files', 'raise fs.file-max'],
  ENODEV: ['internal', 'the kernel lacks this file system or device', 'load its module'],
  ENOENT: ['not-found', 'no such file or directory', 'create it, or name another'],
  ENOMEM: ['resource-exhausted', 'there is not enough memory', 'free some, or raise the limit'],
  ENOSPC: ['resource-exhausted', 'no space is left', 'make room'],
  ENOSYS: [
    'internal',
    'the kernel lacks this system call, or a seccomp profile hides it',
    'use a newer kernel, or another profile',
  ],
  ENOTCONN: ['internal', 'it is not connected', 'try again'],
  ENOTDIR: ['failed-precondition', 'a part of the path is not a directory', 'name another path'],
  ENOTEMPTY: ['internal', 'the directory is not empty', 'empty it first'],
  ENOTFOUND: ['internal', 'the host name is unknown', 'check the name and the DNS configuration'],
  ENOTSUP: ['internal', 'the file system does not support it', 'use another file system'],
  ENXIO: ['internal', 'nothing is at the other end', 'start the other side'],
  EPERM: ['permission-denied', 'the operation is not permitted', 'give the process the capability, or run it as root'],
  EPIPE: ['internal', 'the reader is gone'],
  EROFS: ['failed-precondition', 'the file system is read-only', 'mount it writable, or choose another place'],
  ESTALE: ['internal', 'the file no longer exists on its server', 'mount its file system again'],
  ETIMEDOUT: ['internal', 'the other side did not answer in time', 'check that it is running'],
  ETXTBSY: ['internal', 'the program is running', 'stop it first'],
  EXDEV: ['internal', 'it lies on another file system', 'choose a place on the same one'],
};

/** For errnos that are not in `ERRNOS`. */
const SYSTEM_TEXTS: ReadonlyMap<string, string> = new Map(getSystemErrorMap().values());

/** A failed system call in the shape of Node's errors: `code` is the errno's name. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(errno: number, syscall: string, path: string | undefined) {
    const code = ERRNO_NAMES.get(errno) ?? `E${errno}`;
    super(path === undefined ? `${code}: ${syscall}` : `${code}: ${syscall} '${path}'`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Two numbers have two names each. The first is the one that Node uses: EAGAIN, ENOTSUP. */
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);
