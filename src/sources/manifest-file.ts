import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { errnoOf } from '../base/errors.ts';

/** What a name in a manifest directory turned out to be. */
export type ManifestFile =
  | { readonly kind: 'text'; readonly text: string; readonly digest: string }
  /** Gone, or nothing that could hold a manifest: a directory, say. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string };

const MAX_BYTES = 32 * 1024 * 1024;
const MANIFEST_NAME = /^[^.].*\.(?:ya?ml|json)$/;

/** Whether a file of that name is taken for a manifest: `*.yaml`, `*.yml` or `*.json`, not a dotfile. */
export function isManifestName(name: string): boolean {
  return MANIFEST_NAME.test(name);
}

/**
 * Reads one manifest. `root` is the directory's real path; links are followed as long as they end inside it.
 * `onDirectory` is told, before the read, where the file really is. The problem never quotes the file.
 */
export async function readManifest(
  root: string,
  name: string,
  onDirectory: (path: string) => void,
  signal: AbortSignal,
): Promise<ManifestFile> {
  try {
    const path = await realpath(join(root, name));
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
      return { kind: 'unreadable', problem: 'it is a link to outside the directory; put the file itself there' };
    }
    onDirectory(dirname(path));
    return await readText(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    const errno = errnoOf(error);
    // ELOOP: the file became a link since realpath; like ENOENT it is in the middle of a change.
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return { kind: 'absent' };
    return { kind: 'unreadable', problem: `it cannot be read: ${errno ?? 'an unexpected error'}` };
  }
}

async function readText(path: string, signal: AbortSignal): Promise<ManifestFile> {
  // A pipe of that name must not hang the reader.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) return { kind: 'absent' };
  if (stat.size > MAX_BYTES) return { kind: 'unreadable', problem: `it has more than ${MAX_BYTES} bytes; split it` };
  const bytes = await file.readFile({ signal });
  const text = utf8(bytes);
  if (text === undefined) return { kind: 'unreadable', problem: 'it is not UTF-8 text' };
  return { kind: 'text', text, digest: createHash('sha256').update(bytes).digest('hex') };
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
