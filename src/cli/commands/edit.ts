import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Fault, LanternError } from '../../base/errors.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import type { StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { objectFromWire, objectToWire } from '../../rpc/lantern/object-messages.ts';
import { editorOf, manifestIn, parseEdited, runEditor, textToEdit } from '../changing/edited-object.ts';
import { type Cli, withExamples } from '../command.ts';
import { abandonedDirectories, holdDirectory, memoryParents } from '../exec/memory-directory.ts';
import { wrongUsage } from '../exit.ts';
import { readText } from '../input-files.ts';
import { type KindName, listKinds, parseSelections } from '../kinds.ts';
import { type NamespaceOptions, namespaceOption } from '../options.ts';
import { printYaml } from '../output/print-yaml.ts';
import { printable } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

/** Part of the directory's name. */
const PURPOSE = 'edit';

/** Without a handler these end the process and leave the file behind. SIGHUP: the terminal was closed. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The object's text is in a file in memory, which is removed when the command ends. */
export function editCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern edit secret mysecret', 'EDITOR=nano lantern edit configmap/settings -n team-a'])
    .argument('<KIND NAME|KIND/NAME...>', listKinds())
    .addOption(namespaceOption())
    .action(async (words: readonly string[], { currentNamespace: namespace }: NamespaceOptions) => {
      const { kind, name } = parseOne(words);
      await withDaemon(cli, command, async (daemon) => {
        const original = await fetchObject(cli, daemon, kind, namespace, name);
        const outcome = await editObject(cli, daemon, original);
        if (outcome === 'edited') cli.terminal.print(`${kind.singular}/${name} edited`);
        else cli.terminal.complain('Edit cancelled, no changes made.');
      });
    });
}

function parseOne(words: readonly string[]): { readonly kind: KindName; readonly name: string } {
  const [selection, ...more] = parseSelections(words);
  const [name, ...names] = selection?.names ?? [];
  if (selection === undefined || name === undefined || more.length + names.length > 0) {
    throw wrongUsage('specify one object to edit');
  }
  return { kind: selection.kind, name };
}

async function fetchObject(
  cli: Cli,
  daemon: LanternClient,
  { kind }: KindName,
  namespace: string,
  name: string,
): Promise<StoredObject> {
  const ref = { kind, namespace, name };
  const { object } = await daemon.objects.get({ ref, withData: true }, { signal: cli.signal });
  if (object === null) throw new LanternError('not-found', `edit ${kind} "${name}": it does not exist`);
  return objectFromWire(object);
}

async function editObject(cli: Cli, daemon: LanternClient, original: StoredObject): Promise<'edited' | 'cancelled'> {
  const interruption = new AbortController();
  const parents = memoryParents(cli.environment);
  for (const left of abandonedDirectories(parents, PURPOSE, cli.user.uid)) left[Symbol.dispose]();
  using held = holdDirectory(parents, PURPOSE);
  using directory = held.directory;
  const onSignal = () => {
    directory[Symbol.dispose]();
    interruption.abort();
  };
  for (const name of ENDING_SIGNALS) process.on(name, onSignal);
  try {
    const signal = AbortSignal.any([cli.signal, interruption.signal]);
    return await editUntilAccepted(cli, daemon, original, directory.at('object.yaml'), signal);
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, onSignal);
  }
}

/** Opens the editor again until the daemon stores the text, or the user changes nothing. */
async function editUntilAccepted(
  cli: Cli,
  daemon: LanternClient,
  original: StoredObject,
  file: string,
  signal: AbortSignal,
): Promise<'edited' | 'cancelled'> {
  let manifest = printYaml(objectToManifest(original, { withData: true }));
  let problems: readonly string[] = [];
  for (;;) {
    if (signal.aborted) throw new LanternError('cancelled', 'edit: interrupted, no changes made');
    writeFileSync(file, textToEdit(manifest, problems), { mode: 0o600 });
    await runEditor(editorOf(cli.environment), file, signal);
    const edited = manifestIn(await readText(file, cli.terminal));
    if (edited === '' || edited === manifest) {
      if (problems.length === 0 || edited === '') return 'cancelled';
      throw new LanternError('failed-precondition', 'Edit cancelled, no valid changes were saved.');
    }
    manifest = edited;
    problems = await problemsOfStoring(daemon, manifest, original, signal);
    if (problems.length === 0) return 'edited';
    for (const problem of problems) cli.terminal.complain(`lantern: ${printable(problem)}`);
  }
}

/** Returns why the daemon refused the object, a line per reason. Throws if interrupted. */
async function problemsOfStoring(
  daemon: LanternClient,
  manifest: string,
  original: StoredObject,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const draft = parseEdited(manifest, original);
  if (!draft.ok) return draft.faults.map(describeFault);
  try {
    await daemon.objects.apply({ object: objectToWire(draft.value) }, { signal });
    return [];
  } catch (error) {
    if (!(error instanceof LanternError) || error.code === 'cancelled') throw error;
    if (error.code === 'aborted') return [error.message, HOW_TO_OVERWRITE];
    return error.faults.length > 0 ? error.faults.map(describeFault) : [error.message];
  }
}

function describeFault({ field, message }: Fault): string {
  return field === '' ? message : `${field}: ${message}`;
}

const HOW_TO_OVERWRITE =
  'the object has been modified meanwhile: enter its current resourceVersion to overwrite that, or save no changes';
