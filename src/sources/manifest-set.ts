import type { ContainedDirectory } from '../base/contained-directory.ts';
import { type Fault, toLanternError } from '../base/errors.ts';
import type { Slices } from '../base/slices.ts';
import { documentsIn } from '../objects/manifest-documents.ts';
import { describeRef, type ObjectDraft, refKey, refOf } from '../objects/object.ts';
import { readManifest } from './manifest-file.ts';
import type { Parser } from './parser.ts';

/** An object, and the file that says so. */
export type ManifestObject = { readonly draft: ObjectDraft; readonly file: string };

/** A file as it was read last. */
type Manifest = {
  /** Of the contents; undefined when they could not be read. */
  readonly digest: string | undefined;
  /** Of the last good contents. The same contents again keep the very same drafts. */
  readonly drafts: readonly ObjectDraft[];
  readonly problems: readonly string[];
};

export type ManifestSetOptions = {
  /** Of objects that name none. */
  readonly defaultNamespace: string;
  readonly parser: Parser;
  /** Let others have a turn between two documents. */
  readonly slices: Slices;
};

/** Lines of one file; a reader has enough to mend with these. */
const MOST_PROBLEMS = 100;

/** The manifests of one directory: what they say now, or said when they were last good. */
export class ManifestSet {
  readonly #options: ManifestSetOptions;
  /** In order of file name. */
  #manifests = new Map<string, Manifest>();

  constructor(options: ManifestSetOptions) {
    this.#options = options;
  }

  /** Reads these files, and forgets all others. See `readManifest`. */
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

  /** By `refKey`; of an object that is said twice, the first by file name. */
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

  /** One line each. */
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

  /** One document after another: a file may hold many. */
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
      if (problems.length < MOST_PROBLEMS) problems.push(...linesOf(name, part.faults));
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
