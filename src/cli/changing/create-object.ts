import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { invalid, toLanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { parseEnvFile } from '../../objects/env-names.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import { parseDataKey } from '../../objects/names.ts';
import type { ObjectDraft } from '../../objects/object.ts';
import { validateObject } from '../../objects/validate-object.ts';
import type { Cli } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { inFile, isDirectory, readBytes } from '../input-files.ts';
import { nameOfKind } from '../kinds.ts';
import {
  collect,
  DRY_RUN_REMARKS,
  type DryRun,
  dryRunOption,
  type NamespaceOptions,
  namespaceOption,
  outputOption,
} from '../options.ts';
import { printYaml } from '../output/print-yaml.ts';
import { formatJson } from '../output/structured.ts';
import { printable } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

export type PlainCreateOptions = NamespaceOptions & {
  readonly dryRun: DryRun;
  readonly output?: 'yaml' | 'json' | 'name';
};

/** For kinds that have contents to hash. */
export type CreateOptions = PlainCreateOptions & { readonly appendHash: boolean };

export function addCreateOptions(command: Command): Command {
  return addPlainCreateOptions(command.option('--append-hash', 'append a hash of the contents to the name', false));
}

export function addPlainCreateOptions(command: Command): Command {
  return command
    .addOption(dryRunOption('do not store the object; "client" needs no daemon, "server" lets the daemon validate it'))
    .addOption(namespaceOption())
    .addOption(outputOption('yaml', 'json', 'name'));
}

/** The object must not exist. A dry run only prints it. */
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
  // Loads the parser of YAML, which `--dry-run=client` does not need.
  const { objectFromWire, objectToWire } = await import('../../rpc/lantern/object-messages.ts');
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
      return `${name} created${DRY_RUN_REMARKS[options.dryRun]}`;
  }
}

/** Without -n the manifest of a dry run has no namespace, so that it can be applied to any. */
function manifestOf(object: ObjectDraft, options: PlainCreateOptions): Record<string, unknown> {
  const manifest = objectToManifest(object, { withData: true });
  if (options.dryRun !== 'client' || options.namespace !== undefined) return manifest;
  const { namespace: _, ...metadata } = manifest.metadata as Record<string, unknown>;
  return { ...manifest, metadata };
}

export type ValueOptions = {
  readonly fromFile?: readonly string[];
  readonly fromLiteral?: readonly string[];
  readonly fromEnvFile?: readonly string[];
};

export function addValueOptions(command: Command): Command {
  return command
    .option('--from-file <[KEY=]PATH>', 'file, directory of files, or KEY=- for stdin; may be repeated', collect)
    .option('--from-literal <KEY=VALUE>', 'literal value; may be repeated', collect)
    .option('--from-env-file <PATH>', 'file of KEY=VALUE lines; may be repeated, not with the other two', collect)
    .addHelpText(
      'after',
      '\nEvery user can read the arguments of a process, and shells keep them in their history.\n' +
        'Instead of --from-literal, pass a secret with --from-file=PATH, or with --from-file=KEY=- by stdin.',
    );
}

/** As with kubectl, a key that occurs twice is refused. */
export async function readValues(options: ValueOptions, cli: Cli): Promise<Map<string, Uint8Array>> {
  const { fromFile = [], fromLiteral = [], fromEnvFile = [] } = options;
  if (fromEnvFile.length > 0 && fromFile.length + fromLiteral.length > 0) {
    throw wrongUsage('--from-env-file cannot be combined with --from-file or --from-literal');
  }
  const entries: (readonly [key: string, value: Uint8Array])[] = [];
  for (const source of fromFile) entries.push(...(await readFileSource(source, cli)));
  for (const source of fromLiteral) entries.push(readLiteral(source));
  for (const path of fromEnvFile) entries.push(...(await readEnvFile(path, cli)));
  return collectEntries(entries);
}

function collectEntries(entries: readonly (readonly [key: string, value: Uint8Array])[]): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const [key, value] of entries) {
    orThrow(parseDataKey(key, `key "${printable(key)}"`));
    if (values.has(key)) {
      throw invalid([{ field: '', message: `cannot add key ${key}, another key by that name already exists` }]);
    }
    values.set(key, value);
  }
  return values;
}

type Entry = readonly [key: string, value: Uint8Array];

async function readFileSource(source: string, cli: Cli): Promise<Entry[]> {
  const { key, path } = parseFileSource(source);
  if (isStdin(path)) {
    if (key === undefined) throw wrongUsage(`--from-file "${source}" needs a key for stdin; write KEY=${source}`);
    return [[key, await cli.terminal.readInput()]];
  }
  if (!(await isDirectory(path))) return [[key ?? basename(path), await readBytes(path, cli.terminal)]];
  if (key !== undefined) throw wrongUsage(`--from-file "${source}" gives a key, but "${path}" is a directory`);
  return readDirectory(path, cli);
}

function parseFileSource(source: string): { readonly key: string | undefined; readonly path: string } {
  const [first = '', second, ...more] = source.split('=');
  if (more.length > 0) throw wrongUsage(`--from-file "${source}": neither key nor path may hold "="`);
  if (first === '' || second === '') throw wrongUsage(`--from-file "${source}" must be PATH or KEY=PATH`);
  return second === undefined ? { key: undefined, path: first } : { key: first, path: second };
}

/** Read through the terminal: stdin may be a socket, which cannot be opened by name. */
function isStdin(path: string): boolean {
  return path === '-' || path === '/dev/stdin';
}

/** Reads regular files whose names are valid keys, in order of name. Skips others with a notice. */
async function readDirectory(directory: string, cli: Cli): Promise<Entry[]> {
  const found = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw toLanternError(error, `read the directory "${directory}"`);
  });
  const entries: Entry[] = [];
  for (const { name } of found.filter((entry) => entry.isFile()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, name);
    if (parseDataKey(name, '').ok) entries.push([name, await readBytes(path, cli.terminal)]);
    else cli.terminal.complain(`lantern: "${printable(path)}" skipped: its name is not a valid key`);
  }
  return entries;
}

/** Splits at the first `=`. Messages do not quote the text, which may be a secret. */
function readLiteral(source: string): Entry {
  const at = source.indexOf('=');
  if (at < 1) throw wrongUsage('--from-literal must be KEY=VALUE');
  return [source.slice(0, at), Buffer.from(readableArgument(source.slice(at + 1), '--from-literal'))];
}

/** Refuses U+FFFD, with which Node silently replaces bytes of an argument that are not UTF-8. */
export function readableArgument(text: string, option: string): string {
  if (!text.includes('\uFFFD')) return text;
  throw wrongUsage(`${option} has bytes that are not UTF-8; put the value into a file and use --from-file`);
}

async function readEnvFile(path: string, cli: Cli): Promise<Entry[]> {
  const result = parseEnvFile(await readBytes(isStdin(path) ? '-' : path, cli.terminal), cli.environment);
  if (result.ok) return result.value.map(([key, value]) => [key, Buffer.from(value)]);
  throw invalid(result.faults.map(({ field, message }) => ({ field: inFile(path, field), message })));
}
