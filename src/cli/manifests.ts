import { type Fault, invalid } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { Declared } from '../objects/declared.ts';
import { OBJECT_KINDS } from '../objects/object.ts';
import type { ManifestDocument } from '../objects/parse-manifest.ts';
import { readText } from './input-files.ts';
import { printable } from './output/printable.ts';
import type { Terminal } from './terminal.ts';

/** Where documents come from, a file or a directory, and what was found there. */
export type DocumentSource = { readonly place: string; readonly documents: Parsed<readonly ManifestDocument[]> };

type OtherDocument = Extract<ManifestDocument, { kind: 'other' }>;

/** A Pod as it was written, and where. */
export type PodDocument = Pick<DocumentSource, 'place'> & Pick<OtherDocument, 'raw'>;

/** What manifests hold: objects to store, and the Pods that use them. */
export type Manifests = { readonly objects: readonly Declared[]; readonly pods: readonly PodDocument[] };

/**
 * What several manifest files hold, in order. Throws `invalid-argument` with every fault of every file, each with
 * its file's name. An object that names another namespace than `namespace` is a fault, as with kubectl.
 */
export async function readManifests(
  files: readonly string[],
  namespace: string | undefined,
  terminal: Terminal,
): Promise<Manifests> {
  const { parseManifest } = await import('../objects/parse-manifest.ts');
  const sources: DocumentSource[] = [];
  for (const file of files) {
    const documents = parseManifest(await readText(file, terminal), { defaultNamespace: namespace ?? 'default' });
    sources.push({ place: file, documents });
  }
  return sortDocuments(sources, namespace);
}

/** Objects apart from Pods, with the errors of `readManifests`. */
export function sortDocuments(sources: readonly DocumentSource[], namespace: string | undefined): Manifests {
  const objects: Declared[] = [];
  const pods: PodDocument[] = [];
  const faults: Fault[] = [];
  for (const { place, documents } of sources) {
    const found = documents.ok ? documents.value : [];
    pods.push(...found.filter(isPod).map(({ raw }) => ({ place, raw })));
    const others = found.filter((document) => !isPod(document)).map((document) => declaredIn(document, namespace));
    for (const result of documents.ok ? others : [documents]) {
      if (result.ok) objects.push(result.value);
      else faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(place, field), message })));
    }
  }
  if (faults.length > 0) throw invalid(faults);
  if (objects.length + pods.length > 0) return { objects, pods };
  throw invalid([{ field: sources.map(({ place }) => nameOfFile(place)).join(', '), message: 'no objects found' }]);
}

export function isPod(document: ManifestDocument): document is OtherDocument {
  return document.kind === 'other' && document.objectKind === 'Pod' && document.apiVersion === 'v1';
}

/** The Pod's name for a message, whatever is written there. */
export function nameOfPod({ raw: { metadata } }: Pick<PodDocument, 'raw'>): string {
  const name = typeof metadata === 'object' && metadata !== null && 'name' in metadata ? metadata.name : undefined;
  return typeof name === 'string' ? printable(name) : '(no name)';
}

/** A field path with the file it is in. */
export function inFile(file: string, field: string): string {
  return field === '' ? nameOfFile(file) : `${nameOfFile(file)}: ${field}`;
}

function nameOfFile(file: string): string {
  return file === '-' ? 'stdin' : file;
}

/** The object of a document, unless it is of a kind that is not kept, or in another namespace than `namespace`. */
function declaredIn(document: ManifestDocument, namespace: string | undefined): Parsed<Declared> {
  if (document.kind === 'other') {
    const message = `"${document.objectKind}" (${document.apiVersion}) is not kept here; known are ${OBJECT_KINDS.join(', ')}`;
    return faulty([{ field: 'kind', message }]);
  }
  const { draft, wording } = document;
  if (namespace === undefined || draft.metadata.namespace === namespace) return parsed({ draft, wording });
  const message = `${draft.kind} "${draft.metadata.name}" names "${draft.metadata.namespace}", but --namespace says "${namespace}"`;
  return faulty([{ field: 'metadata.namespace', message }]);
}
