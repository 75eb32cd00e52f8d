import { type Command, Option } from 'commander';
import { invalid } from '../base/errors.ts';
import type { ObjectDraft } from '../objects/object.ts';
import { objectToManifest } from '../objects/object-to-manifest.ts';
import { validateObject } from '../objects/validate-object.ts';
import type { Cli } from './cli.ts';
import { namespaceOption, outputOption } from './define-command.ts';
import { nameOfKind } from './kinds.ts';
import { printYaml } from './output/print-yaml.ts';
import { formatJson } from './output/structured.ts';
import { withDaemon } from './with-daemon.ts';

/** Options of every `create`. */
export type PlainCreateOptions = {
  readonly namespace?: string;
  readonly dryRun?: 'client' | 'server';
  readonly output?: 'yaml' | 'json' | 'name';
};

/** The same, for what has contents to hash. */
export type CreateOptions = PlainCreateOptions & { readonly appendHash: boolean };

export function addCreateOptions(command: Command): Command {
  return addPlainCreateOptions(command.option('--append-hash', 'append a hash of the contents to the name', false));
}

export function addPlainCreateOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--dry-run [MODE]', 'store nothing: "client" asks no daemon, "server" has it checked by the daemon')
        .choices(['client', 'server'])
        .preset('client'),
    )
    .addOption(namespaceOption())
    .addOption(outputOption('yaml', 'json', 'name'));
}

/** Creates the object, which must not exist yet, and says so; a dry run shows what would be created. */
export async function createObject(
  cli: Cli,
  command: Command,
  draft: ObjectDraft,
  options: PlainCreateOptions,
): Promise<void> {
  const faults = validateObject(draft);
  if (faults.length > 0) throw invalid(faults);
  const created = options.dryRun === 'client' ? draft : await storeObject(cli, command, draft, options);
  cli.terminal.print(await answerFor(created, options));
}

async function storeObject(
  cli: Cli,
  command: Command,
  draft: ObjectDraft,
  { dryRun }: PlainCreateOptions,
): Promise<ObjectDraft> {
  const { objectFromWire, objectToWire } = await import('../rpc/object-messages.ts');
  return withDaemon(cli, command, async (daemon) => {
    const request = { object: objectToWire(draft), createOnly: true, dryRun: dryRun === 'server' };
    const { object } = await daemon.objects.apply(request, { signal: cli.signal });
    return object === null ? draft : { ...draft, metadata: objectFromWire(object).metadata };
  });
}

function answerFor(object: ObjectDraft, options: PlainCreateOptions): string {
  const name = `${nameOfKind(object.kind).singular}/${object.metadata.name}`;
  switch (options.output) {
    case 'name':
      return name;
    case 'json':
      return formatJson(manifestOf(object, options));
    case 'yaml':
      return printYaml(manifestOf(object, options));
    default:
      return `${name} created${MODES[options.dryRun ?? 'none']}`;
  }
}

const MODES = { none: '', client: ' (dry run)', server: ' (server dry run)' } as const;

/** A dry run's manifest names no namespace unless it was told one, so that it can be applied to any. */
function manifestOf(object: ObjectDraft, options: PlainCreateOptions): Record<string, unknown> {
  const manifest = objectToManifest(object, { withData: true });
  if (options.dryRun !== 'client' || options.namespace !== undefined) return manifest;
  const { namespace: _, ...metadata } = manifest.metadata as Record<string, unknown>;
  return { ...manifest, metadata };
}
