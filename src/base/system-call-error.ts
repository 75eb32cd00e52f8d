import { constants } from 'node:os';

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
