import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf, type Fault, LanternError, obstacleOf, toLanternError } from '../base/errors.ts';
import { makeDirectories } from '../base/files.ts';

export type User = { readonly uid: number };

/** For daemon and clients: /run/lantern for root, else $XDG_RUNTIME_DIR/lantern, else /dev/shm/lantern-UID. */
export function defaultRunDirectory(user: User, environment: Readonly<Record<string, string | undefined>>): string {
  if (user.uid === 0) return '/run/lantern';
  const runtime = environment.XDG_RUNTIME_DIR;
  return runtime?.startsWith('/') ? join(runtime, 'lantern') : sharedRunDirectory(user);
}

/**
 * Attack: all users can create files under /dev/shm, and so the fallback directory. If it exists, it must be a
 * directory of this user that nobody else can enter. If it is missing, the daemon creates it, 0700.
 */
export function checkRunDirectory(path: string, user: User): Fault[] {
  if (path !== sharedRunDirectory(user)) return [];
  const refuse = (why: string): Fault[] => [
    { field: '--run-dir', message: `"${path}" ${why}; remove it, or name another directory` },
  ];
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return refuse('is not a directory');
    if (stat.uid !== user.uid) return refuse(`belongs to user ${stat.uid}`);
    if ((stat.mode & 0o777) !== 0o700) return refuse(`has mode 0${(stat.mode & 0o777).toString(8)} instead of 0700`);
    return [];
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? [] : refuse(`cannot be inspected: ${obstacleOf(error)}`);
  }
}

const WRITE_BY_OTHERS = 0o022;
const WRITE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Creates a missing directory, 0700. `failed-precondition` if users other than root and this one could put sockets and
 * records into it, or replace it.
 */
export function prepareRunDirectory(path: string, uid: number | undefined): void {
  try {
    makeDirectories(path, 0o700);
    const real = realpathSync(path);
    requireOwn(path, real, WRITE_BY_OTHERS, uid);
    for (let at = real; at !== '/'; ) {
      at = dirname(at);
      // In a sticky directory only owners can rename files.
      if ((statSync(at).mode & STICKY) === 0) requireOwn(path, at, WRITE_BY_ALL, uid);
    }
  } catch (error) {
    throw toLanternError(error, `make the run directory "${path}"`);
  }
}

function requireOwn(path: string, directory: string, forbidden: number, uid: number | undefined): void {
  const found = statSync(directory);
  const refuse = (why: string, remedy: string) =>
    new LanternError(
      'failed-precondition',
      `use the run directory "${path}": "${directory}" ${why}, who could put sockets and records there; ${remedy}, or name another --run-dir`,
    );
  if (uid !== undefined && ![0, uid, unmappedUser()].includes(found.uid)) {
    throw refuse(`belongs to user ${found.uid}`, `chown it to user ${uid}`);
  }
  if ((found.mode & forbidden) !== 0) {
    const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
    throw refuse(`has mode ${mode}, which lets others write`, 'chmod it to 0700, or 0750 with --socket-group');
  }
}

/** In a user namespace, the owner of the files of the host's root. Undefined if all users are mapped. */
function unmappedUser(): number | undefined {
  const isWhole = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return isWhole ? undefined : Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
}

function sharedRunDirectory(user: User): string {
  return `/dev/shm/lantern-${user.uid}`;
}
