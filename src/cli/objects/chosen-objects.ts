import type { Command } from 'commander';
import { type ObjectRef, refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Cli } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { parseSelections, selectorOf } from '../kinds.ts';
import { namespaceOption, selectorOption } from '../options.ts';
import { fetchObjects } from './fetch-objects.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from './read-objects.ts';

export type ChoiceOptions = ManifestOptions & { readonly selector?: string; readonly all: boolean };

/** The flags of commands that act on objects by name, by selector or by manifest. `verb` is for the help. */
export function addChoiceOptions(command: Command, verb: string): Command {
  return addManifestOptions(command)
    .addOption(selectorOption())
    .option('--all', `${verb} all objects of a kind in the namespace`, false)
    .addOption(namespaceOption());
}

type Chosen = {
  /** Listed objects may be gone before they are acted on, and that is no error. */
  readonly isListed: boolean;
  readonly refs: (daemon: LanternClient) => Promise<readonly ObjectRef[]>;
};

/** Checks words and flags, and reads manifests, before a daemon is asked. */
export async function chooseObjects(
  cli: Cli,
  words: readonly string[],
  options: ChoiceOptions,
  verb: string,
): Promise<Chosen> {
  if (options.selector !== undefined || options.all) {
    const list = listingOf(cli, words, options);
    return { isListed: true, refs: list };
  }
  const refs = await namedObjects(cli, words, options, verb);
  return { isListed: false, refs: async () => refs };
}

async function namedObjects(
  cli: Cli,
  words: readonly string[],
  options: ChoiceOptions,
  verb: string,
): Promise<readonly ObjectRef[]> {
  if (options.filename !== undefined || options.kustomize !== undefined) {
    if (words.length > 0) throw wrongUsage('arguments cannot be combined with -f or -k');
    return (await readObjects(cli, options)).map(({ draft }) => refOf(draft));
  }
  const namespace = options.currentNamespace;
  return parseSelections(words).flatMap(({ kind: { kind, plural }, names }) => {
    if (names.length === 0) throw wrongUsage(`name the ${plural} to ${verb}, or use -l or --all`);
    return names.map((name) => ({ kind, namespace, name }));
  });
}

/** Checks -l and --all, and returns the function that lists the objects. */
function listingOf(cli: Cli, words: readonly string[], options: ChoiceOptions): Chosen['refs'] {
  const { filename, kustomize, selector, all, currentNamespace: namespace } = options;
  if (filename !== undefined || kustomize !== undefined)
    throw wrongUsage('-l and --all cannot be combined with -f or -k');
  if (selector?.trim() === '') throw wrongUsage('an empty selector matches all objects; use --all for that');
  if (selector !== undefined && all) throw wrongUsage('-l and --all cannot be combined');
  const selections = parseSelections(words);
  if (selections.some(({ names }) => names.length > 0)) {
    throw wrongUsage('a name cannot be combined with -l or --all');
  }
  const isSelected = selectorOf(selector);
  return async (daemon) => {
    const refs: ObjectRef[] = [];
    for (const { kind } of selections) {
      const query = { kind, name: undefined, namespace, withData: false };
      const objects = (await fetchObjects(daemon, query, cli.signal)).filter(isSelected);
      refs.push(...objects.map(({ metadata }) => ({ kind: kind.kind, namespace, name: metadata?.name ?? '' })));
    }
    if (refs.length === 0) cli.terminal.complain('No resources found.');
    return refs;
  };
}
