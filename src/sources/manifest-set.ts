import type { Fault } from '../base/errors.ts';
import { describeRef, type ObjectDraft, refKey, refOf } from '../objects/object.ts';
import { type ManifestDocument, parseManifest } from '../objects/parse-manifest.ts';
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
    root: string,
    names: readonly string[],
    onDirectory: (path: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const manifests = new Map<string, Manifest>();
    for (const name of names.toSorted()) {
      const before = this.#manifests.get(name);
      const file = await readManifest(root, name, onDirectory, signal);
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
    if (!documents.ok) return broken(before, file.digest, linesOf(name, '', documents.faults));
    const drafts: ObjectDraft[] = [];
    const faults: string[] = [];
    const cautions: string[] = [];
    for (const document of documents.value) {
      if (document.kind !== 'object') {
        cautions.push(`manifest "${name}": ${nameOf(document)} is not a kind that is kept here; it is ignored`);
        continue;
      }
      const admitted = admitObject(document.draft);
      if (admitted.ok) drafts.push(admitted.value);
      else faults.push(...linesOf(name, `${describeRef(refOf(document.draft))}: `, admitted.faults));
    }
    return faults.length > 0
      ? broken(before, file.digest, faults)
      : { digest: file.digest, drafts, problems: cautions };
  }
}

function nameOf(document: Extract<ManifestDocument, { kind: 'other' }>): string {
  return String(document.kind);
}

function broken(before: Manifest | undefined, digest: string | undefined, problems: readonly string[]): Manifest {
  return { digest, drafts: before?.drafts ?? [], problems };
}

function linesOf(name: string, subject: string, faults: readonly Fault[]): string[] {
  return faults.map(
    ({ field, message }) => `manifest "${name}": ${subject}${field === '' ? '' : `${field}: `}${message}`,
  );
}
