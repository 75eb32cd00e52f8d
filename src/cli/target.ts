import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const MAX_ID_BYTES = 128;

/**
 * The target as the daemon shall see it: absolute, and free of links in the directory it lies in, because the daemon
 * follows none. A directory that does not exist stays as written, for the daemon to refuse.
 */
export function absoluteTarget(target: string): string {
  const absolute = resolve(target);
  try {
    return join(realpathSync(dirname(absolute)), basename(absolute));
  } catch {
    return absolute;
  }
}

/** The id of a volume that was mounted without one: its target, or a hash of a target too long for an id. */
export function volumeIdFor(target: string): string {
  if (Buffer.byteLength(target) <= MAX_ID_BYTES) return target;
  return `target-${createHash('sha256').update(target).digest('hex')}`;
}
