import { faulty, orThrow, type Parsed } from '../base/parsed.ts';
import { TEXT_LIMITS } from '../objects/text-limits.ts';
import { readText } from './input-files.ts';
import { inFile } from './manifests.ts';
import type { Terminal } from './terminal.ts';

/** Reads a file that holds one YAML or JSON document and parses that; faults are thrown with the file's name. */
export async function readDocument<T>(
  file: string,
  terminal: Terminal,
  parse: (document: unknown) => Parsed<T>,
): Promise<T> {
  const { parseYamlDocuments } = await import('../objects/yaml.ts');
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
