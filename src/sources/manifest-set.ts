import type { ContainedDirectory } from '../base/contained-directory.ts';
import type { Fault } from '../base/errors.ts';
import { describeRef, type ObjectDraft, refKey, refOf } from '../objects/object.ts';
import { parseManifest } from '../objects/parse-manifest.ts';
import { admitObject } from './admit-object.ts';
import { readManifest } from './manifest-file.ts';

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

/** The manifests of one directory: what they say now, or said when they were last good. */
export class ManifestSet {
  readonly #defaultNamespace: string;
  /** In order of file name. */
  #manifests = new Map<string, Manifest>();

  constructor(defaultNamespace: string) {
    this.#defaultNamespace = defaultNamespace;
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
      else if (file.kind === 'text') manifests.set(name, this.#parse(name, file, before));
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

  #parse(name: string, file: { text: string; digest: string }, before: Manifest | undefined): Manifest {
    const documents = parseManifest(file.text, { defaultNamespace: this.#defaultNamespace });
    if (!documents.ok) return broken(before, file.digest, linesOf(name, documents.faults));
    const drafts: ObjectDraft[] = [];
    const problems: string[] = [];
    for (const document of documents.value) {
      if (document.kind !== 'object') continue;
      const admitted = admitObject(withoutVersion(document.draft));
      if (admitted.ok) drafts.push(admitted.value);
      else problems.push(...linesOf(name, admitted.faults, describeRef(refOf(document.draft))));
    }
    if (problems.length > 0) return broken(before, file.digest, problems);
    const others = documents.value.filter(({ kind }) => kind === 'other').length;
    const caution = `manifest "${name}": ${others} of its documents are of kinds that are not kept here; they are ignored`;
    return { digest: file.digest, drafts, problems: others === 0 ? [] : [caution] };
  }
}

/** The file says what shall be; at which version it was written down does not matter. */
function withoutVersion(draft: ObjectDraft): ObjectDraft {
  const { resourceVersion: _, ...metadata } = draft.metadata;
  return { ...draft, metadata };
}

function broken(before: Manifest | undefined, digest: string | undefined, problems: readonly string[]): Manifest {
  return { digest, drafts: before?.drafts ?? [], problems };
}

function linesOf(name: string, faults: readonly Fault[], subject?: string): string[] {
  return faults.map(({ field, message }) => {
    return [`manifest "${name}"`, subject, field, message].filter((part) => part).join(': ');
  });
}
