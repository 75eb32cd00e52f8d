import { createHash } from 'node:crypto';
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const MAX_ID_BYTES = 128;
/** The kernel's limit. */
const MAX_LINKS = 40;

/**
 * Resolves links in the target's directory, because the daemon follows none. Attack: a link could redirect a mount or
 * an unmount. So only links that root or the caller made are resolved, such as `/var/run`. Other links and missing
 * paths stay: the daemon refuses them.
 */
export function absoluteTarget(target: string): string {
  const absolute = resolve(target);
  return join(followTrusted(dirname(absolute)), basename(absolute));
}

/** The target, or its hash if it is too long for an id. */
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

/** Undefined if the path is not a link or cannot be examined. */
function linkAt(path: string): { readonly stats: Stats; readonly target: string } | undefined {
  try {
    const stats = lstatSync(path);
    return stats.isSymbolicLink() ? { stats, target: readlinkSync(path) } : undefined;
  } catch {
    return undefined;
  }
}

/** True if only root or the caller can have made or replaced the link. A sticky directory protects links. */
function isTrusted(link: Stats, directory: Stats): boolean {
  const isOurs = ({ uid }: Stats): boolean => uid === 0 || uid === process.geteuid?.();
  const isSticky = (directory.mode & 0o1000) !== 0;
  const isOpenToGroup = (directory.mode & 0o020) !== 0 && directory.gid !== process.getegid?.();
  const isOpen = (directory.mode & 0o002) !== 0 || isOpenToGroup;
  return isOurs(link) && isOurs(directory) && (isSticky || !isOpen);
}
