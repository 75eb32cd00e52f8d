import { spawn } from 'node:child_process';
import { type Fault, LanternError, toLanternError } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { withoutNulls } from '../../objects/declared.ts';
import { parseManifest } from '../../objects/manifest/parse-manifest.ts';
import type { ObjectDraft, StoredObject } from '../../objects/object.ts';
import { printable } from '../output/text.ts';

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

/** The user's editor, a shell command that is given the file: $KUBE_EDITOR, $VISUAL, $EDITOR, or vi. */
export function editorOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.KUBE_EDITOR || environment.VISUAL || environment.EDITOR || 'vi';
}

/**
 * Lets the editor work on the file, in this terminal, until it ends; throws `failed-precondition` when it says that it
 * failed. An abort asks it to end, and `cancelled` is thrown once it has.
 */
export async function runEditor(editor: string, file: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // In the shell's place, so that a signal reaches the editor itself.
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
    throw new LanternError('failed-precondition', `edit with "${editor}": the editor ${ending}; nothing is changed`);
  } catch (error) {
    throw toLanternError(error, `edit with "${editor}"`);
  } finally {
    signal.removeEventListener('abort', ask);
  }
}
