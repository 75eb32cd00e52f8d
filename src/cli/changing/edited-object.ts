import { spawn } from 'node:child_process';
import { type Fault, LanternError, toLanternError } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { type Declared, withoutNulls } from '../../objects/declared.ts';
import { parseManifest } from '../../objects/manifest/parse-manifest.ts';
import type { ObjectDraft, StoredObject } from '../../objects/object.ts';
import { printable } from '../output/text.ts';

const HEADER = [
  "# Please edit the object below. Lines beginning with a '#' will be ignored,",
  '# and an empty file will abort the edit. If an error occurs while saving this file will be',
  '# reopened with the relevant failures.',
  '#',
];

export function textToEdit(manifest: string, problems: readonly string[]): string {
  const complaints = problems.length === 0 ? [] : [...problems.map((text) => `# * ${printable(text)}`), '#'];
  return [...HEADER, ...complaints, manifest.trimEnd(), ''].join('\n');
}

/** Without the comments above the manifest. Empty if there is nothing else. */
export function manifestIn(text: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('#'));
  return start < 0 ? '' : lines.slice(start).join('\n').trimEnd();
}

/** Keeps the revision that was read unless the text has another: a concurrent change must not be overwritten. */
export function parseEdited(manifest: string, original: StoredObject): Parsed<ObjectDraft> {
  const { namespace } = original.metadata;
  const documents = parseManifest(manifest, { defaultNamespace: namespace });
  if (!documents.ok) return documents;
  const [document, ...more] = documents.value;
  if (document === undefined || more.length > 0) return faulty([{ field: '', message: 'must be one object' }]);
  if (document.kind === 'other') return faulty([mustStay('kind', original.kind)]);
  return changedObject(document, original);
}

/** Refuses another kind or name. Keeps the revision of `original`, like `parseEdited`. */
export function changedObject(declared: Declared, original: StoredObject): Parsed<ObjectDraft> {
  const { namespace, name, resourceVersion } = original.metadata;
  const whole = withoutNulls(declared);
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

/** A shell command. */
export function editorOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.KUBE_EDITOR || environment.VISUAL || environment.EDITOR || 'vi';
}

/** Runs in this terminal. `failed-precondition` if the editor fails. An abort ends it, and throws `cancelled`. */
export async function runEditor(editor: string, file: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // exec replaces the shell, so that a signal reaches the editor.
  const child = spawn('/bin/sh', ['-c', `exec ${editor} "$@"`, 'sh', file], { stdio: 'inherit' });
  const ask = () => child.kill('SIGTERM');
  signal.addEventListener('abort', ask);
  try {
    const ending = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, name) => resolve(code === null ? `was ended by ${name}` : `ended with ${code}`));
    });
    signal.throwIfAborted();
    if (ending === 'ended with 0') return;
    throw new LanternError('failed-precondition', `edit with "${editor}": the editor ${ending}; no changes made`);
  } catch (error) {
    throw toLanternError(error, `edit with "${editor}"`);
  } finally {
    signal.removeEventListener('abort', ask);
  }
}
