import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ContainedDirectory, ContainedFile, FileFacts } from '../../base/contained-directory.ts';
import { errnoOf, type Fault, obstacleOf, toLanternError } from '../../base/errors.ts';
import type { Slices } from '../../base/steps.ts';
import { parseUtf8 } from '../../base/text.ts';
import { documentsIn } from '../../objects/manifest/documents.ts';
import { describeRef, type ObjectDraft, refKey, refOf } from '../../objects/object.ts';
import type { Parser } from '../../spec/parser/parse-tasks.ts';

/** An object and the file that declares it. */
export type ManifestObject = { readonly draft: ObjectDraft; readonly file: string };

type Manifest = {
  /** The digest of the contents; undefined if they could not be read. */
  readonly digest: string | undefined;
  /** From the last valid contents. Unchanged contents keep the same draft objects. */
  readonly drafts: readonly ObjectDraft[];
  readonly problems: readonly string[];
};

type ManifestSetOptions = {
  /** For objects without a namespace. */
  readonly defaultNamespace: string;
  readonly parser: Parser;
  /** Yields to other work between documents. */
  readonly slices: Slices;
};

/** Lines per file; enough for a reader to start with. */
const MAX_PROBLEMS = 100;

/** The manifests of one directory, each with its last valid contents. */
export class ManifestSet {
  readonly #options: ManifestSetOptions;
  /** In order of file name. */
  #manifests = new Map<string, Manifest>();

  constructor(options: ManifestSetOptions) {
    this.#options = options;
  }

  /** Reads these files and forgets all others. See `readManifest`. */
  async read(
    directory: ContainedDirectory,
    names: readonly string[],
    onDirectory: (identity: string, path: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const manifests = new Map<string, Manifest>();
    for (const name of names.toSorted()) {
      const before = this.#manifests.get(name);
      const file = await readManifest(directory, name, onDirectory, signal);
      if (file.kind === 'absent') continue;
      if (file.kind === 'text' && file.digest === before?.digest) manifests.set(name, before);
      else if (file.kind === 'text') manifests.set(name, await this.#parse(name, file, before, signal));
      else manifests.set(name, broken(before, undefined, [`manifest "${name}": ${file.problem}`]));
    }
    this.#manifests = manifests;
  }

  /** Keyed by `refKey`. Of duplicates, the first by file name counts. */
  objects(): ReadonlyMap<string, ManifestObject> {
    const objects = new Map<string, ManifestObject>();
    for (const [file, { drafts }] of this.#manifests) {
      for (const draft of drafts) {
        const key = refKey(refOf(draft));
        if (!objects.has(key)) objects.set(key, { draft, file });
      }
    }
    return objects;
  }

  problems(): readonly string[] {
    return [...this.#manifests.values()].flatMap(({ problems }) => problems).concat(this.#duplicates());
  }

  #duplicates(): string[] {
    const objects = this.objects();
    const duplicates: string[] = [];
    for (const [file, { drafts }] of this.#manifests) {
      for (const draft of drafts) {
        const ref = refOf(draft);
        const used = objects.get(refKey(ref));
        if (used === undefined || used.draft === draft) continue;
        const where = used.file === file ? 'twice' : `also in "${used.file}", which comes first`;
        duplicates.push(`manifest "${file}": ${describeRef(ref)} is ${where}; this one is ignored, remove one of them`);
      }
    }
    return duplicates;
  }

  /** Parses one document at a time: a file may hold many. */
  async #parse(
    name: string,
    file: { text: string; digest: string },
    before: Manifest | undefined,
    signal: AbortSignal,
  ): Promise<Manifest> {
    const { parser, slices, defaultNamespace } = this.#options;
    const drafts: ObjectDraft[] = [];
    const problems: string[] = [];
    let count = 0;
    let others = 0;
    for (const document of documentsIn(file.text)) {
      await slices.next();
      signal.throwIfAborted();
      const part = await parser
        .run('manifest', { document, before: count, defaultNamespace }, signal)
        .catch((error) => {
          signal.throwIfAborted();
          const { message } = toLanternError(error, 'parse');
          return { count: 1, drafts: [], others: 0, faults: [{ field: `document ${count + 1}`, message }] };
        });
      count += part.count;
      others += part.others;
      for (const draft of part.drafts) drafts.push(draft);
      if (problems.length < MAX_PROBLEMS) problems.push(...linesOf(name, part.faults));
    }
    if (problems.length > 0) return broken(before, file.digest, problems);
    const caution = `manifest "${name}": ${others} of its documents are of kinds that are not kept here; they are ignored`;
    return { digest: file.digest, drafts, problems: others === 0 ? [] : [caution] };
  }
}

function broken(before: Manifest | undefined, digest: string | undefined, problems: readonly string[]): Manifest {
  return { digest, drafts: before?.drafts ?? [], problems };
}

function linesOf(name: string, faults: readonly Fault[]): string[] {
  return faults.map(({ field, message }) => {
    return [`manifest "${name}"`, field, message].filter((part) => part).join(': ');
  });
}

type ManifestFile =
  | { readonly kind: 'text'; readonly text: string; readonly digest: string }
  /** The name is gone or cannot hold a manifest, for example a directory. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string };

const MAX_BYTES = 32 * 1024 * 1024;
const MANIFEST_NAME = /^[^.].*\.(?:ya?ml|json)$/;

export function isManifestName(name: string): boolean {
  return MANIFEST_NAME.test(name);
}

/**
 * Follows links that end in the directory. Before the read, `onDirectory` gets the file's real directory. The problem
 * never quotes the file.
 */
async function readManifest(
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
    // The file was moved out after it was opened, by a change in progress.
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
 * Refuses another user's file, linked here by somebody with write access to the directory. The daemon reads only files
 * that the directory's owner or root put there.
 */
async function strangerIn({ directory, parent, inside, facts }: Found): Promise<string | undefined> {
  const { uid } = await directory.stat();
  if (facts.uid !== uid && facts.uid !== 0) {
    return `it belongs to user ${facts.uid}, but the directory to user ${uid}; chown it`;
  }
  if (facts.links === 1) return undefined;
  // Another hard link may be elsewhere. In a closed directory, only the file's owner or root can have made this one.
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
