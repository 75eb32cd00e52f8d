import { type Command, InvalidArgumentError, Option } from 'commander';
import { faulty, type Parsed } from '../../base/parsed.ts';
import type { PodFacts } from '../../rpc/generated/lantern/v1/PodFacts.ts';
import type { VolumeDefinition } from '../../rpc/generated/lantern/v1/VolumeDefinition.ts';
import type { VolumeSource } from '../../rpc/generated/lantern/v1/VolumeSource.ts';
import { MAX_GROUP, type VolumeSpec } from '../../spec/volume-spec.ts';
import { collect, namespaceOption } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { readBytes } from '../input-files.ts';
import { readDocument } from '../objects/manifests.ts';
import type { Terminal } from '../terminal.ts';
import type { PodFile } from './pod-container.ts';

/** Options that `mount` and `render` share: what the volume holds. */
export type VolumeOptions = {
  readonly filename?: string;
  readonly secret?: string;
  readonly configMap?: string;
  readonly projectedVolume?: string;
  readonly namespace?: string;
  readonly mountGroup?: number;
  readonly podFile?: string;
  readonly dataFile?: readonly string[];
};

/** Those options as the part that MountRequest and RenderVolumeRequest share. */
type VolumeRequest = {
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup?: number;
  readonly pod?: PodFacts;
  readonly data: Readonly<Record<string, Uint8Array>>;
};

export function addVolumeOptions(command: Command): Command {
  return command
    .option('-f, --filename <FILE|->', "the volume's source, as below .spec.volumes[] of a pod")
    .option('--secret <NAME>', 'all keys of this Secret')
    .option('--config-map <NAME>', 'all keys of this ConfigMap')
    .option('--projected-volume <NAME>', 'what this ProjectedVolume object says')
    .addOption(namespaceOption('namespace of the objects (default: that of --pod-file, else "default")'))
    .addOption(new Option('--mount-group <GID>', 'group that can read every file').argParser(parseGroup))
    .option('--pod-file <FILE>', 'a Pod manifest, for downward API fields')
    .option('--data-file <KEY=PATH>', 'data for `request` sources, from a file; may be repeated', collect);
}

/** Reads the files the options name. Bad contents throw `invalid-argument` with every fault and its file. */
export async function volumeRequest(options: VolumeOptions, terminal: Terminal): Promise<VolumeRequest> {
  const definition = await definitionFor(options, terminal);
  const pod = options.podFile === undefined ? undefined : await readPodFile(options.podFile, terminal);
  return {
    namespace: options.namespace ?? pod?.namespace ?? 'default',
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
    throw wrongUsage('say what the volume holds with one of -f, --secret, --config-map or --projected-volume');
  }
  if (secret !== undefined) return { source: { secret: { secretName: secret } } };
  if (configMap !== undefined) return { source: { configMap: { name: configMap } } };
  if (projectedVolume !== undefined) return { projectedVolume };
  return { source: await readVolumeSource(filename ?? '-', terminal) };
}

async function readVolumeSource(file: string, terminal: Terminal): Promise<VolumeSource> {
  const [{ parseVolumeSource }, { volumeSourceToWire }] = await Promise.all([
    import('../../spec/parse-volume-source.ts'),
    import('../../rpc/lantern/projector-messages.ts'),
  ]);
  const spec = await readDocument(file, terminal, (document) => requireNoManifest(document, parseVolumeSource));
  return volumeSourceToWire(spec);
}

async function readPodFile(file: string, terminal: Terminal): Promise<PodFile> {
  const { parsePodFile } = await import('./pod-container.ts');
  return readDocument(file, terminal, parsePodFile);
}

/** Keys and bytes of `KEY=PATH` arguments; the bytes never stand on the command line, which every user can read. */
async function readData(args: readonly string[], terminal: Terminal): Promise<Record<string, Uint8Array>> {
  const data: Record<string, Uint8Array> = Object.create(null);
  for (const arg of args) {
    const at = arg.indexOf('=');
    if (at < 1 || at === arg.length - 1) throw wrongUsage(`--data-file "${arg}" must be KEY=PATH`);
    const key = arg.slice(0, at);
    if (key in data) throw wrongUsage(`--data-file names the key "${key}" twice`);
    data[key] = await readBytes(arg.slice(at + 1), terminal);
  }
  return data;
}

function parseGroup(text: string): number {
  const gid = Number(text);
  if (!/^\d+$/.test(text) || gid > MAX_GROUP) throw new InvalidArgumentError('It must be a numeric group id.');
  return gid;
}

/** A volume file's document: a bare source (`secret: {…}`), or an entry of a pod's `.spec.volumes[]` with its name. */
function requireNoManifest(
  document: unknown,
  parse: (document: unknown, field: string) => Parsed<VolumeSpec>,
): Parsed<VolumeSpec> {
  const isManifest = typeof document === 'object' && document !== null && 'apiVersion' in document;
  if (!isManifest) return parse(document, '');
  const message = 'is a manifest; expected is a volume source such as "secret: {secretName: mysecret}"';
  return faulty([{ field: '', message: `${message}. Apply the manifest, and name its object here` }]);
}
