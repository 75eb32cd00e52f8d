import type { Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import { type ObjectRef, refKey, refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder, dependsOn } from '../calls-in-order.ts';
import { type Cli, withExamples } from '../command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { listKinds, nameOfKind, parseSelections, selectorOf } from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from '../objects/read-objects.ts';
import { volumesInUse } from '../objects/volumes-in-use.ts';
import { namespaceOption, outputOption, selectorOption } from '../options.ts';
import { printable } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions & {
  readonly ignoreNotFound: boolean;
  readonly selector?: string;
  readonly all: boolean;
  readonly output?: 'name';
};

/** Volumes keep the contents of a deleted object, unless it is optional in their spec. */
export function deleteCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern delete secret mysecret',
    'lantern delete secret/mysecret configmap/settings -n team-a',
    'lantern delete -f secret.yaml',
    'lantern delete -k overlays/test',
    "lantern delete secrets -l 'tier in (web,db)'",
  ]).argument('[KIND NAME|KIND/NAME...]', listKinds());
  addManifestOptions(command)
    .option('--ignore-not-found', 'treat an object that does not exist as deleted', false)
    .addOption(selectorOption())
    .option('--all', 'delete all objects of a kind in the namespace', false)
    .addOption(namespaceOption())
    .addOption(outputOption('name'))
    .action(async (words: readonly string[], options: Options) => {
      if (options.selector !== undefined || options.all) {
        const select = selectionOf(words, options);
        return withDaemon(cli, command, async (daemon) => {
          const refs = await select(daemon, cli.signal);
          if (refs.length === 0) cli.terminal.complain('No resources found.');
          // Another client may delete an object between list and delete.
          await deleteAll(cli, daemon, refs, { ...options, ignoreNotFound: true });
        });
      }
      const refs = await refsOf(cli, words, options);
      await withDaemon(cli, command, (daemon) => deleteAll(cli, daemon, refs, options));
    });
}

async function refsOf(cli: Cli, words: readonly string[], options: Options): Promise<ObjectRef[]> {
  if (options.filename !== undefined || options.kustomize !== undefined) {
    if (words.length > 0) throw wrongUsage('arguments cannot be combined with -f or -k');
    return (await readObjects(cli, options)).map(({ draft }) => refOf(draft));
  }
  const namespace = options.currentNamespace;
  return parseSelections(words).flatMap(({ kind: { kind, plural }, names }) => {
    if (names.length === 0) throw wrongUsage(`name the ${plural} to delete, or use -l or --all`);
    return names.map((name) => ({ kind, namespace, name }));
  });
}

/** Checks -l and --all, and returns the function that lists the objects. */
function selectionOf(
  words: readonly string[],
  options: Options,
): (daemon: LanternClient, signal: AbortSignal) => Promise<ObjectRef[]> {
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
  return async (daemon, signal) => {
    const refs: ObjectRef[] = [];
    for (const { kind } of selections) {
      const query = { kind, name: undefined, namespace, withData: false };
      const objects = (await fetchObjects(daemon, query, signal)).filter(isSelected);
      refs.push(...objects.map(({ metadata }) => ({ kind: kind.kind, namespace, name: metadata?.name ?? '' })));
    }
    return refs;
  };
}

async function deleteAll(cli: Cli, daemon: LanternClient, refs: readonly ObjectRef[], options: Options): Promise<void> {
  const inUse = await volumesInUse(daemon, refs, cli.signal);
  const allWell = await callsInOrder(cli.terminal, refs, {
    call: async (ref) => {
      try {
        await daemon.objects.delete({ ref }, { signal: cli.signal });
        return true;
      } catch (error) {
        if (options.ignoreNotFound && hasCode(error, 'not-found')) return false;
        throw error;
      }
    },
    tell: (wasThere, ref) => {
      if (!wasThere) return;
      const { singular } = nameOfKind(ref.kind);
      cli.terminal.print(options.output === 'name' ? `${singular}/${ref.name}` : `${singular} "${ref.name}" deleted`);
      const volumes = inUse.get(refKey(ref)) ?? [];
      if (volumes.length > 0) cli.terminal.complain(staleWarning(`${singular} "${ref.name}"`, volumes));
    },
    follows: dependsOn,
  });
  if (!allWell) throw PARTLY_FAILED;
}

const NAMED_VOLUMES = 5;

function staleWarning(object: string, volumes: readonly string[]): string {
  const named = volumes.slice(0, NAMED_VOLUMES).map((id) => `"${printable(id)}"`);
  const more = volumes.length > NAMED_VOLUMES ? ` and ${volumes.length - NAMED_VOLUMES} more` : '';
  const those = `volume${volumes.length === 1 ? '' : 's'} ${named.join(', ')}${more}`;
  return `warning: ${object} was in use: stale until it exists again, with its last contents: ${those}`;
}
