import { type Fault, invalid } from '../../base/errors.ts';
import { faulty, isFields, orThrow, type Parsed, parsed } from '../../base/parsed.ts';
import type { Declared } from '../../objects/declared.ts';
import { type ManifestDocument, parseManifest } from '../../objects/manifest/parse-manifest.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { inFile, nameOfFile, readText } from '../input-files.ts';
import type { NamespaceOptions } from '../options.ts';
import { printable } from '../output/text.ts';
import type { Terminal } from '../terminal.ts';

/** `place` is a file or the directory of a kustomization. */
type DocumentSource = { readonly place: string; readonly documents: Parsed<readonly ManifestDocument[]> };

type ObjectDocument = Extract<ManifestDocument, { kind: 'object' }>;
type OtherDocument = Extract<ManifestDocument, { kind: 'other' }>;

/** A Pod as it was written. `name` is for messages. */
export type PodDocument = Pick<DocumentSource, 'place'> & Pick<OtherDocument, 'raw'> & { readonly name: string };

export type Manifests = { readonly objects: readonly Declared[]; readonly pods: readonly PodDocument[] };

/**
 * Leaves out kinds that are neither stored nor mounted, with a notice on stderr. `invalid-argument` has all faults of
 * all files. As with kubectl, a namespace other than `namespace` is a fault. An empty result is one, too.
 */
export async function readManifests(
  files: readonly string[],
  { namespace, currentNamespace }: NamespaceOptions,
  terminal: Terminal,
): Promise<Manifests> {
  const sources: DocumentSource[] = [];
  for (const file of files) {
    const documents = parseManifest(await readText(file, terminal), { defaultNamespace: currentNamespace });
    sources.push({ place: file, documents });
  }
  return sortDocuments(sources, namespace, terminal);
}

/** Notice and errors as `readManifests`. */
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
    pods.push(...found.filter(isPod).map(({ raw }) => ({ place, raw, name: nameIn(raw) })));
    leftOut.push(...found.filter(isLeftOut).map(nameOfOther));
    const kept = found.flatMap((document) => (document.kind === 'object' ? [declaredIn(document, namespace)] : []));
    for (const result of documents.ok ? kept : [documents]) {
      if (result.ok) objects.push(result.value);
      else faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(place, field), message })));
    }
  }
  if (faults.length > 0) throw invalid(faults);
  const notice = leftOut.length > 0 ? `skipped, as these kinds are not stored: ${leftOut.join(', ')}` : undefined;
  if (objects.length + pods.length === 0) {
    const message = notice === undefined ? 'no objects found' : `no objects found; ${notice}`;
    throw invalid([{ field: sources.map(({ place }) => nameOfFile(place)).join(', '), message }]);
  }
  if (notice !== undefined) terminal.complain(`lantern: ${notice}`);
  return { objects, pods };
}

/** True for a kind that is neither stored nor mounted, such as a Deployment. */
export function isLeftOut(document: ManifestDocument): document is OtherDocument {
  return document.kind === 'other' && !isPod(document);
}

export function nameOfOther({ objectKind, raw }: OtherDocument): string {
  return printable(`${objectKind} "${nameIn(raw)}"`);
}

function isPod(document: ManifestDocument): document is OtherDocument {
  return document.kind === 'other' && document.objectKind === 'Pod' && document.apiVersion === 'v1';
}

function nameIn({ metadata }: OtherDocument['raw']): string {
  const name = isFields(metadata) ? metadata.name : undefined;
  return typeof name === 'string' ? printable(name) : '(no name)';
}

function declaredIn({ draft, wording }: ObjectDocument, namespace: string | undefined): Parsed<Declared> {
  if (namespace === undefined || draft.metadata.namespace === namespace) return parsed({ draft, wording });
  const { name, namespace: own } = draft.metadata;
  const message = `${draft.kind} "${name}" names "${own}", but --namespace says "${namespace}"`;
  return faulty([{ field: 'metadata.namespace', message }]);
}

/** Requires one YAML or JSON document. Faults have the file's name. */
export async function readDocument<T>(
  file: string,
  terminal: Terminal,
  parse: (document: unknown) => Parsed<T>,
): Promise<T> {
  const documents = parseYamlDocuments(await readText(file, terminal), TEXT_LIMITS.document);
  const result = documents.ok ? parseOnly(documents.value, parse) : documents;
  if (result.ok) return result.value;
  return orThrow(faulty(result.faults.map(({ field, message }) => ({ field: inFile(file, field), message }))));
}

/** A trailing `---` makes an empty document, which does not count. */
function parseOnly<T>(documents: readonly unknown[], parse: (document: unknown) => Parsed<T>): Parsed<T> {
  const [first, ...more] = documents.filter((document) => document !== null);
  if (more.length > 0) return faulty([{ field: '', message: `must be one document, not ${more.length + 1}` }]);
  return first === undefined ? faulty([{ field: '', message: 'is empty' }]) : parse(first);
}
