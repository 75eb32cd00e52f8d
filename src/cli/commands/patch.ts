import { type Command, Option } from 'commander';
import { invalid } from '../../base/errors.ts';
import { changeObject } from '../changing/change-object.ts';
import {
  NOT_STRATEGIC,
  type ObjectPatch,
  type PatchType,
  parseObjectPatch,
  patchedObject,
} from '../changing/patch-object.ts';
import { type ResultOptions, Results } from '../changing/results.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { inFile, readText } from '../input-files.ts';
import { listKinds } from '../kinds.ts';
import { chooseObjects } from '../objects/chosen-objects.ts';
import { resultOption } from '../objects/object-format.ts';
import { addManifestOptions, type ManifestOptions } from '../objects/read-objects.ts';
import { dryRunOption, namespaceOption } from '../options.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions &
  ResultOptions & {
    readonly patch?: string;
    readonly patchFile?: string;
    readonly type: PatchType | 'strategic';
  };

/** Another client may write meanwhile: the patch is then applied to the new state. */
export function patchCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    `lantern patch configmap settings -p '{"data": {"colour": "blue", "old": null}}'`,
    `lantern patch secret mysecret --type=json -p '[{"op": "remove", "path": "/data/old"}]'`,
    'lantern patch secret mysecret --patch-file=new-password.yaml',
  ]).argument('[KIND NAME|KIND/NAME...]', listKinds());
  addManifestOptions(command)
    .option('-p, --patch <PATCH>', 'the patch, as JSON or YAML')
    .option('--patch-file <FILE|->', 'file with the patch, or stdin')
    .addOption(
      new Option('--type <TYPE>', 'merge (RFC 7396, the default), or json (RFC 6902)')
        .choices(['merge', 'json', 'strategic'])
        .default('default', 'merge'),
    )
    .addOption(namespaceOption())
    .addOption(dryRunOption('store nothing; with "server" the daemon validates the result'))
    .addOption(resultOption())
    .addHelpText('after', `\n${ABOUT_TYPES}`)
    .action(async (words: readonly string[], options: Options) => {
      const patch = await readPatch(cli, options);
      const chosen = await chooseObjects(cli, words, { ...options, all: false }, 'patch');
      const results = new Results(cli.terminal, options);
      const { dryRun } = options;
      await withDaemon(cli, command, async (daemon) => {
        const allWell = await forEach(cli.terminal, await chosen.refs(daemon), async (ref) => {
          const change = (current: Parameters<typeof patchedObject>[0]) => patchedObject(current, patch);
          const how = { verb: 'patch', change, dryRun, withData: results.withData };
          const { object, isChanged } = await changeObject(cli, daemon, ref, how);
          results.add(object, isChanged ? 'patched' : 'patched (no change)');
        });
        await results.end();
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

const ABOUT_TYPES = [
  "kubectl's default is a strategic merge patch. For the kinds that are kept here a merge",
  'patch has the same result, apart from the list "secrets" of a ServiceAccount, to which',
  'a strategic patch adds: without --type such a patch is refused.',
  'Every user can read the arguments of a process: pass secrets with --patch-file.',
].join('\n');

async function readPatch(cli: Cli, { patch, patchFile, type }: Options): Promise<ObjectPatch> {
  if (type === 'strategic') throw wrongUsage(NOT_STRATEGIC);
  if ((patch === undefined) === (patchFile === undefined))
    throw wrongUsage('one of --patch and --patch-file is required');
  const text = patchFile === undefined ? (patch ?? '') : await readText(patchFile, cli.terminal);
  const result = parseObjectPatch(text, type);
  if (result.ok) return result.value;
  const place = (field: string) =>
    patchFile === undefined ? ['--patch', field].filter(Boolean).join(': ') : inFile(patchFile, field);
  throw invalid(result.faults.map(({ field, message }) => ({ field: place(field), message })));
}
