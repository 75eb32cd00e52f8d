import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ContainedDirectory, ContainedFile, FileFacts } from '../base/contained-directory.ts';
import { errnoOf, obstacleOf } from '../base/errors.ts';
import { parseUtf8 } from '../base/utf8.ts';

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
 * Reads one manifest of the directory; links are followed as long as they end inside it. `onDirectory` is told, before
 * the read, where the file really is. The problem never quotes the file.
 */
export async function readManifest(
  directory: ContainedDirectory,
  name: string,
  onDirectory: (identity: string, path: string) => void,
  signal: AbortSignal,
): Promise<ManifestFile> {
  try {
    using file = await directory.open(name);
    const facts = await file.stat();
    if (!facts.isFile) return { kind: 'absent' };
    const inside = await directory.locate(file);
    // Moved out since it was opened: in the middle of a change.
    if (inside === undefined) return { kind: 'absent' };
    using parent = await directory.open(dirname(inside));
    const holder = await parent.stat();
    onDirectory(holder.identity, parent.path);
    const problem = await strangerIn({ directory, parent: { path: parent.path, facts: holder }, inside, facts });
    if (problem !== undefined) return { kind: 'unreadable', problem };
    return await readText(file, signal);
  } catch (error) {
    signal.throwIfAborted();
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return { kind: 'absent' };
    return {
      kind: 'unreadable',
      problem: PROBLEMS[errno ?? ''] ?? `it cannot be read: ${obstacleOf(error)}`,
    };
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EXDEV: 'it is a link to outside the directory; put the file itself there',
  EAGAIN: 'files are renamed too fast for it to be opened',
  ENOSYS: 'the kernel lacks openat2 (Linux 5.6)',
};

type Found = {
  readonly directory: ContainedDirectory;
  readonly parent: { readonly path: string; readonly facts: FileFacts };
  /** The file's path inside the directory. */
  readonly inside: string;
  readonly facts: FileFacts;
};

/**
 * Why the file may be another user's, whom the daemon would read for whoever may write to the directory. The daemon's
 * rights are for what the directory's owner, or root, put there.
 */
async function strangerIn({ directory, parent, inside, facts }: Found): Promise<string | undefined> {
  const { uid } = await directory.stat();
  if (facts.uid !== uid && facts.uid !== 0) {
    return `it belongs to user ${facts.uid}, but the directory to user ${uid}; chown it`;
  }
  if (facts.links === 1) return undefined;
  // Another name may be somewhere else. It was made by the file's owner, or root, where nobody else could make one here.
  const isClosed = (parent.facts.mode & 0o022) === 0 && [facts.uid, 0].includes(parent.facts.uid);
  const named = await lstat(join(parent.path, basename(inside)), { bigint: true });
  if (isClosed && `${named.dev}:${named.ino}` === facts.identity) return undefined;
  return 'it has a second name (a hard link), and others than its owner can make names where it lies; copy it there';
}

async function readText(named: ContainedFile, signal: AbortSignal): Promise<ManifestFile> {
  await using file = await named.openToRead();
  const stat = await file.stat();
  if (stat.size > MAX_BYTES) return { kind: 'unreadable', problem: `it has more than ${MAX_BYTES} bytes; split it` };
  const bytes = await file.readFile({ signal });
  const text = parseUtf8(bytes, '');
  if (!text.ok) return { kind: 'unreadable', problem: text.faults.map(({ message }) => message).join() };
  return { kind: 'text', text: text.value, digest: createHash('sha256').update(bytes).digest('hex') };
}
