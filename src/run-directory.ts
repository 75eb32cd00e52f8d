import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, type Fault } from './base/errors.ts';

/** The user a process runs as; `uid` is numeric. */
export type User = { readonly uid: number };

/**
 * Where sockets, pools and records are when nobody says otherwise: /run/lantern for root, else $XDG_RUNTIME_DIR/lantern,
 * else a directory of the user's own under /dev/shm. Daemon and clients agree by both asking here.
 */
export function defaultRunDirectory(user: User, environment: Readonly<Record<string, string | undefined>>): string {
  if (user.uid === 0) return '/run/lantern';
  const runtime = environment.XDG_RUNTIME_DIR;
  return runtime?.startsWith('/') ? join(runtime, 'lantern') : sharedRunDirectory(user);
}

/**
 * Everybody may create names under /dev/shm, so an existing fallback directory counts only when it is a real directory
 * of this user's that nobody else can enter. Nothing there yet is fine: its creator makes it 0700.
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
    return errnoOf(error) === 'ENOENT' ? [] : refuse(`cannot be looked at (${errnoOf(error) ?? 'unknown error'})`);
  }
}

function sharedRunDirectory(user: User): string {
  return `/dev/shm/lantern-${user.uid}`;
}
