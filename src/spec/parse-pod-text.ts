import { faulty, type Parsed } from '../base/parsed.ts';
import type { EnvNameRule } from '../objects/env-name.ts';
import { TEXT_LIMITS } from '../objects/text-limits.ts';
import { parseYamlDocuments } from '../objects/yaml.ts';
import { type Pod, parsePod } from './pod.ts';

/** A pod from a request's text: YAML or JSON, one document. The fields of faults start with `field`. */
export function parsePodText(
  text: string,
  defaultNamespace: string,
  field: string,
  names: EnvNameRule = 'strict',
): Parsed<Pod> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.pod);
  const pod = documents.ok ? parseOnly(documents.value, defaultNamespace, names) : documents;
  if (pod.ok) return pod;
  return faulty(
    pod.faults.map((fault) => ({ ...fault, field: fault.field === '' ? field : `${field}.${fault.field}` })),
  );
}

/** Empty documents, as a trailing `---` makes them, do not count. */
function parseOnly(documents: readonly unknown[], defaultNamespace: string, names: EnvNameRule): Parsed<Pod> {
  const [first, ...more] = documents.filter((document) => document !== null);
  if (more.length > 0) return faulty([{ field: '', message: `must be one document, not ${1 + more.length}` }]);
  return first === undefined
    ? faulty([{ field: '', message: 'is required' }])
    : parsePod(first, defaultNamespace, names);
}
