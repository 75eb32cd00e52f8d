import { createHash } from 'node:crypto';
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const MAX_ID_BYTES = 128;
/** As many as the kernel follows. */
const MAX_LINKS = 40;

/**
 * The target as the daemon shall see it: absolute, and free of links in the directory it lies in, because the daemon
 * follows none. Only links that nobody but root and the caller can have made, as `/var/run`, are followed: whoever else
 * owns a directory on the way could lead a mount or an unmount elsewhere. The others stay as written, for the daemon to
 * refuse, and so does what does not exist.
 */
export function absoluteTarget(target: string): string {
  const absolute = resolve(target);
  return join(followTrusted(dirname(absolute)), basename(absolute));
}

/** The id of a volume that was mounted without one: its target, or a hash of a target too long for an id. */
export function volumeIdFor(target: string): string {
  if (Buffer.byteLength(target) <= MAX_ID_BYTES) return target;
  return `target-${createHash('sha256').update(target).digest('hex')}`;
}

function followTrusted(path: string): string {
  let reached = '/';
  let rest = elementsOf(path);
  for (let links = 0; rest.length > 0; ) {
    const [name = '', ...after] = rest;
    const next = join(reached, name);
    const link = linkAt(next);
    if (link === undefined) {
      reached = next;
      rest = after;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS || !isTrusted(link.stats, lstatSync(reached))) break;
    const leads = resolve(reached, link.target);
    reached = '/';
    rest = [...elementsOf(leads), ...after];
  }
  return join(reached, ...rest);
}

function elementsOf(path: string): readonly string[] {
  return path.split('/').filter((element) => element !== '');
}

/** Undefined for what is no link, or cannot be looked at. */
function linkAt(path: string): { readonly stats: Stats; readonly target: string } | undefined {
  try {
    const stats = lstatSync(path);
    return stats.isSymbolicLink() ? { stats, target: readlinkSync(path) } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether nobody else can have made or replaced the link. In a sticky directory that takes its owner. */
function isTrusted(link: Stats, directory: Stats): boolean {
  const isOurs = ({ uid }: Stats): boolean => uid === 0 || uid === process.geteuid?.();
  const isSticky = (directory.mode & 0o1000) !== 0;
  const isOpenToGroup = (directory.mode & 0o020) !== 0 && directory.gid !== process.getegid?.();
  const isOpen = (directory.mode & 0o002) !== 0 || isOpenToGroup;
  return isOurs(link) && isOurs(directory) && (isSticky || !isOpen);
}
