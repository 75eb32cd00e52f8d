import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PodFacts } from '../../rpc/generated/lantern/v1/PodFacts.ts';
import type { VolumeDefinition } from '../../rpc/generated/lantern/v1/VolumeDefinition.ts';
import { MAX_GROUP } from '../../spec/volume-spec.ts';
import { wrongUsage } from '../exit.ts';
import { readBytes } from '../input-files.ts';
import { collect, type NamespaceOptions, namespaceOption } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export type VolumeOptions = NamespaceOptions & {
  readonly filename?: string;
  readonly secret?: string;
  readonly configMap?: string;
  readonly projectedVolume?: string;
  readonly mountGroup?: number;
  readonly podFile?: string;
  readonly dataFile?: readonly string[];
};

type VolumeRequest = {
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup?: number;
  readonly pod?: PodFacts;
  readonly data: Readonly<Record<string, Uint8Array>>;
};

export function addVolumeOptions(command: Command): Command {
  return command
    .option('-f, --filename <FILE|->', "file with a volume source, as in a pod's .spec.volumes[]")
    .option('--secret <NAME>', 'all keys of this Secret')
    .option('--config-map <NAME>', 'all keys of this ConfigMap')
    .option('--projected-volume <NAME>', 'the contents of this ProjectedVolume')
    .addOption(namespaceOption('namespace of the objects (default: that of --pod-file, or of "lantern config view")'))
    .addOption(new Option('--mount-group <GID>', 'group that may read every file').argParser(parseGroup))
    .option('--pod-file <FILE>', 'Pod manifest, for downwardAPI items')
    .option('--data-file <KEY=PATH>', 'data of a `request` source, read from a file; may be repeated', collect);
}

/** `invalid-argument` has every fault with its file. */
export async function volumeRequest(options: VolumeOptions, terminal: Terminal): Promise<VolumeRequest> {
  const definition = await definitionFor(options, terminal);
  const pod = options.podFile === undefined ? undefined : await (await files()).readPodFile(options.podFile, terminal);
  return {
    namespace: options.namespace ?? pod?.namespace ?? options.currentNamespace,
    definition,
    data: await readData(options.dataFile ?? [], terminal),
    ...(options.mountGroup === undefined ? {} : { mountGroup: options.mountGroup }),
    ...(pod === undefined ? {} : { pod: pod.facts }),
  };
}

async function definitionFor(options: VolumeOptions, terminal: Terminal): Promise<VolumeDefinition> {
  const { filename, secret, configMap, projectedVolume } = options;
  const given = [filename, secret, configMap, projectedVolume].filter((option) => option !== undefined);
  if (given.length !== 1) {
    throw wrongUsage('exactly one of -f, --secret, --config-map and --projected-volume is required');
  }
  if (secret !== undefined) return { source: { secret: { secretName: secret } } };
  if (configMap !== undefined) return { source: { configMap: { name: configMap } } };
  if (projectedVolume !== undefined) return { projectedVolume };
  return { source: await (await files()).readVolumeSource(filename ?? '-', terminal) };
}

/** Loads parsers and schemas, which `lantern mount --secret NAME` does not need. */
async function files() {
  return await import('./volume-files.ts');
}

/** The values are not arguments, because every user can read those. */
async function readData(args: readonly string[], terminal: Terminal): Promise<Record<string, Uint8Array>> {
  const data: Record<string, Uint8Array> = Object.create(null);
  for (const arg of args) {
    const at = arg.indexOf('=');
    if (at < 1 || at === arg.length - 1) throw wrongUsage(`--data-file "${arg}" must be KEY=PATH`);
    const key = arg.slice(0, at);
    if (key in data) throw wrongUsage(`--data-file: key "${key}" is given twice`);
    data[key] = await readBytes(arg.slice(at + 1), terminal);
  }
  return data;
}

function parseGroup(text: string): number {
  const gid = Number(text);
  if (!/^\d+$/.test(text) || gid > MAX_GROUP) throw new InvalidArgumentError('It must be a numeric group ID.');
  return gid;
}
