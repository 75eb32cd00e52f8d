import { type Fault, invalid } from '../base/errors.ts';
import type { ObjectDraft } from '../objects/object.ts';
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
    const result = parseManifest(await readText(file, terminal), namespace ?? 'default');
    const found = result.ok ? [...strayObjects(result.value, namespace)] : result.faults;
    faults.push(...found.map(({ field, message }) => ({ field: inFile(file, field), message })));
    if (result.ok) drafts.push(...result.value);
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

function* strayObjects(drafts: readonly ObjectDraft[], namespace: string | undefined): Generator<Fault> {
  for (const { kind, metadata } of drafts) {
    if (namespace === undefined || metadata.namespace === namespace) continue;
    yield {
      field: 'metadata.namespace',
      message: `${kind} "${metadata.name}" names "${metadata.namespace}", but --namespace says "${namespace}"`,
    };
  }
}
