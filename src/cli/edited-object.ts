import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { withoutNulls } from '../objects/declared.ts';
import type { ObjectDraft, StoredObject } from '../objects/object.ts';
import { parseManifest } from '../objects/parse-manifest.ts';
import { printable } from './output/printable.ts';

const HEADER = [
  "# Please edit the object below. Lines beginning with a '#' will be ignored,",
  '# and an empty file will abort the edit. If an error occurs while saving this file will be',
  '# reopened with the relevant failures.',
  '#',
];

/** What the editor is given: the header, what was wrong with the last try, and the manifest. */
export function textToEdit(manifest: string, problems: readonly string[]): string {
  const complaints = problems.length === 0 ? [] : [...problems.map((text) => `# * ${printable(text)}`), '#'];
  return [...HEADER, ...complaints, manifest.trimEnd(), ''].join('\n');
}

/** The manifest in what the editor leaves behind: without the comments above it; empty when there is nothing else. */
export function manifestIn(text: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('#'));
  return start < 0 ? '' : lines.slice(start).join('\n').trimEnd();
}

/**
 * The edited manifest as a draft of the same object, at the revision that was read unless the text names another, so
 * that a change by somebody else is not overwritten unseen.
 */
export function parseEdited(manifest: string, original: StoredObject): Parsed<ObjectDraft> {
  const { namespace, name, resourceVersion } = original.metadata;
  const documents = parseManifest(manifest, { defaultNamespace: namespace });
  if (!documents.ok) return documents;
  const [document, ...more] = documents.value;
  if (document === undefined || more.length > 0) return faulty([{ field: '', message: 'must be one object' }]);
  if (document.kind === 'other') return faulty([mustStay('kind', original.kind)]);
  const whole = withoutNulls(document);
  if (!whole.ok) return whole;
  const draft = whole.value;
  const faults: Fault[] = [];
  if (draft.kind !== original.kind) faults.push(mustStay('kind', original.kind));
  if (draft.metadata.name !== name) faults.push(mustStay('metadata.name', name));
  if (draft.metadata.namespace !== namespace) faults.push(mustStay('metadata.namespace', namespace));
  if (faults.length > 0) return faulty(faults);
  return parsed({ ...draft, metadata: { resourceVersion, ...draft.metadata } });
}

function mustStay(field: string, value: string): Fault {
  return { field, message: `must stay "${value}"` };
}
