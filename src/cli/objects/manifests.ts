import { type Fault, invalid } from '../../base/errors.ts';
import { faulty, orThrow, type Parsed, parsed } from '../../base/parsed.ts';
import type { Declared } from '../../objects/declared.ts';
import type { ManifestDocument } from '../../objects/manifest/parse-manifest.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { readText } from '../input-files.ts';
import { printable } from '../output/text.ts';
import type { Terminal } from '../terminal.ts';

/** Where documents come from, a file or a directory, and what was found there. */
type DocumentSource = { readonly place: string; readonly documents: Parsed<readonly ManifestDocument[]> };

type OtherDocument = Extract<ManifestDocument, { kind: 'other' }>;

/** A Pod as it was written, and where. */
export type PodDocument = Pick<DocumentSource, 'place'> & Pick<OtherDocument, 'raw'>;

/** What manifests hold: objects to store, and the Pods that use them. */
export type Manifests = { readonly objects: readonly Declared[]; readonly pods: readonly PodDocument[] };

/**
 * What several manifest files hold, in order; what is of kinds that are neither kept nor mounted is left out, and said on
 * stderr. Throws `invalid-argument` with every fault of every file, each with its file's name, and where nothing is left. An
 * object that names another namespace than `namespace` is a fault, as with kubectl.
 */
export async function readManifests(
  files: readonly string[],
  namespace: string | undefined,
  terminal: Terminal,
): Promise<Manifests> {
  const { parseManifest } = await import('../../objects/manifest/parse-manifest.ts');
  const sources: DocumentSource[] = [];
  for (const file of files) {
    const documents = parseManifest(await readText(file, terminal), { defaultNamespace: namespace ?? 'default' });
    sources.push({ place: file, documents });
  }
  return sortDocuments(sources, namespace, terminal);
}

/** Objects apart from Pods, with the notice and the errors of `readManifests`. */
export function sortDocuments(
  sources: readonly DocumentSource[],
  namespace: string | undefined,
  terminal: Terminal,
): Manifests {
  const objects: Declared[] = [];
  const pods: PodDocument[] = [];
  const leftOut: string[] = [];
  const faults: Fault[] = [];
  for (const { place, documents } of sources) {
    const found = documents.ok ? documents.value : [];
    pods.push(...found.filter(isPod).map(({ raw }) => ({ place, raw })));
    leftOut.push(...found.filter(isLeftOut).map(nameOfOther));
    const kept = found.flatMap((document) => (document.kind === 'object' ? [declaredIn(document, namespace)] : []));
    for (const result of documents.ok ? kept : [documents]) {
      if (result.ok) objects.push(result.value);
      else faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(place, field), message })));
    }
  }
  if (faults.length > 0) throw invalid(faults);
  const notice = leftOut.length > 0 ? `left out, as such kinds are not kept here: ${leftOut.join(', ')}` : undefined;
  if (objects.length + pods.length === 0) {
    const message = notice === undefined ? 'no objects found' : `no objects found; ${notice}`;
    throw invalid([{ field: sources.map(({ place }) => nameOfFile(place)).join(', '), message }]);
  }
  if (notice !== undefined) terminal.complain(`lantern: ${notice}`);
  return { objects, pods };
}

/** Whether it is of a kind that is neither kept nor mounted, such as a Deployment. */
export function isLeftOut(document: ManifestDocument): document is OtherDocument {
  return document.kind === 'other' && !isPod(document);
}

/** `Deployment "web"`, for a message. */
export function nameOfOther({ objectKind, raw }: Pick<OtherDocument, 'objectKind' | 'raw'>): string {
  return printable(`${objectKind} "${nameOfPod({ raw })}"`);
}

function isPod(document: ManifestDocument): document is OtherDocument {
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

type ObjectDocument = Extract<ManifestDocument, { kind: 'object' }>;

/** The object of a document, unless it is in another namespace than `namespace`. */
function declaredIn({ draft, wording }: ObjectDocument, namespace: string | undefined): Parsed<Declared> {
  if (namespace === undefined || draft.metadata.namespace === namespace) return parsed({ draft, wording });
  const message = `${draft.kind} "${draft.metadata.name}" names "${draft.metadata.namespace}", but --namespace says "${namespace}"`;
  return faulty([{ field: 'metadata.namespace', message }]);
}

/** Reads a file that holds one YAML or JSON document and parses that; faults are thrown with the file's name. */
export async function readDocument<T>(
  file: string,
  terminal: Terminal,
  parse: (document: unknown) => Parsed<T>,
): Promise<T> {
  const { parseYamlDocuments } = await import('../../objects/manifest/yaml.ts');
  const documents = parseYamlDocuments(await readText(file, terminal), TEXT_LIMITS.document);
  const result = documents.ok ? parseOnly(documents.value, parse) : documents;
  if (result.ok) return result.value;
  return orThrow(faulty(result.faults.map(({ field, message }) => ({ field: inFile(file, field), message }))));
}

/** Empty documents, as a trailing `---` makes them, do not count. */
function parseOnly<T>(documents: readonly unknown[], parse: (document: unknown) => Parsed<T>): Parsed<T> {
  const [first, ...more] = documents.filter((document) => document !== null);
  if (more.length > 0)
    return faulty([{ field: '', message: `holds ${more.length + 1} documents, but one is expected` }]);
  return first === undefined ? faulty([{ field: '', message: 'is empty' }]) : parse(first);
}
