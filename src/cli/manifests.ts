import { type Fault, invalid } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { OBJECT_KINDS, type ObjectDraft } from '../objects/object.ts';
import type { ManifestDocument } from '../objects/parse-manifest.ts';
import { readText } from './input-files.ts';
import type { Terminal } from './terminal.ts';

/**
 * The objects of several manifest files, in order. Throws `invalid-argument` with every fault of every file, each with
 * its file's name. An object that names another namespace than `namespace` is a fault, as with kubectl.
 */
export async function readManifests(
  files: readonly string[],
  namespace: string | undefined,
  terminal: Terminal,
): Promise<ObjectDraft[]> {
  const { parseManifest } = await import('../objects/parse-manifest.ts');
  const drafts: ObjectDraft[] = [];
  const faults: Fault[] = [];
  for (const file of files) {
    const documents = parseManifest(await readText(file, terminal), { defaultNamespace: namespace ?? 'default' });
    const found = documents.ok ? documents.value.map((document) => draftOf(document, namespace)) : [documents];
    for (const result of found) {
      if (result.ok) drafts.push(result.value);
      else faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(file, field), message })));
    }
  }
  if (faults.length > 0) throw invalid(faults);
  if (drafts.length === 0) throw invalid([{ field: files.map(nameOfFile).join(', '), message: 'no objects found' }]);
  return drafts;
}

/** A field path with the file it is in. */
export function inFile(file: string, field: string): string {
  return field === '' ? nameOfFile(file) : `${nameOfFile(file)}: ${field}`;
}

function nameOfFile(file: string): string {
  return file === '-' ? 'stdin' : file;
}

/** The object of a document, unless it is of a kind that is not kept, or in another namespace than `namespace`. */
export function draftOf(document: ManifestDocument, namespace: string | undefined): Parsed<ObjectDraft> {
  if (document.kind === 'other') {
    const message = `"${document.objectKind}" (${document.apiVersion}) is not kept here; known are ${OBJECT_KINDS.join(', ')}`;
    return faulty([{ field: 'kind', message }]);
  }
  const { draft } = document;
  if (namespace === undefined || draft.metadata.namespace === namespace) return parsed(draft);
  const message = `${draft.kind} "${draft.metadata.name}" names "${draft.metadata.namespace}", but --namespace says "${namespace}"`;
  return faulty([{ field: 'metadata.namespace', message }]);
}
