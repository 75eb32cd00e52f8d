import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);
/** EINVAL: an id that the user namespace does not map. */
const NOT_GIVABLE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EINVAL']);

/** What a failure of the file system, while a generation was written, says to whoever asked for the write. */
export function writeFailure(error: unknown, directory: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const what = `write a new generation to "${directory}"`;
  if (NO_ROOM.has(errno)) {
    return new LanternError(
      'resource-exhausted',
      `${what}: the pool is full (${errno}); the old contents stay; unmount other volumes or enlarge the pool`,
      { cause: error, reason: 'POOL_FULL' },
    );
  }
  if (NOT_GIVABLE.has(errno) && isOfChown(error)) {
    return new LanternError(
      'failed-precondition',
      `${what}: the daemon may not give files to the user, group or mount group asked for (${errno}); run it with CAP_CHOWN, or leave them out; the old contents stay`,
      { cause: error },
    );
  }
  return toLanternError(error, what);
}

function isOfChown(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && String(error.syscall).includes('chown');
}
