import { finish } from '../../../src/base/steps.ts';
import { buildPayload, type Payload, type PayloadFile } from '../../../src/payload/payload.ts';
import { parentsOf, type RelativePath } from '../../../src/spec/relative-path.ts';
import { parseVolumeId, type VolumeId } from '../../../src/spec/volume-spec.ts';
import { type Owner, readingTree, type VolumeFs } from '../../../src/volume/file-system.ts';
import type { RecordedPublication, VolumeRecord } from '../../../src/volume/record.ts';
import { relativePath, volumeSpec } from '../objects/builders.ts';

export type ContentFile = string | (Partial<Omit<PayloadFile, 'bytes'>> & { readonly text: string });

/** A payload by path: text with mode 0644, or text with attributes. */
export function payloadOf(files: Readonly<Record<string, ContentFile>>, mountGroup?: number): Payload {
  const entries = Object.entries(files).map(([path, file]): [RelativePath, PayloadFile] => {
    const { text, ...attributes } = typeof file === 'string' ? { text: file } : file;
    return [
      relativePath(path),
      { bytes: Buffer.from(text), mode: 0o644, user: undefined, group: undefined, ...attributes },
    ];
  });
  return buildPayload(new Map(entries), mountGroup);
}

export function volumeId(text: string): VolumeId {
  const id = parseVolumeId(text);
  if (!id.ok) throw new Error(`not a volume id: ${text}`);
  return id.value;
}

export function recordOf(id: VolumeId, publications: readonly Partial<RecordedPublication>[]): VolumeRecord {
  return {
    volumeId: id,
    namespace: 'default',
    definition: { kind: 'inline', spec: volumeSpec([]) },
    mountGroup: undefined,
    pod: undefined,
    podVolume: undefined,
    publications: publications.map((publication) => ({
      target: '',
      subPath: undefined,
      pinnedGeneration: undefined,
      accessMode: 'SINGLE_NODE_WRITER',
      readonly: true,
      mountFlags: [],
      ...publication,
    })),
    storeId: 'store',
    objects: new Map(),
  };
}

/**
 * The entries that a reader finds: a file as `0644 user:group bytes`, a directory (path and slash) as `2755 :group`.
 */
export type View = Readonly<Record<string, string>>;

/** The expected view of a payload: modes and owners as given, directories 0755, or 2755 with the mount group. */
export function viewOf({ files, mountGroup }: Payload, owner: Owner): View {
  const view: Record<string, string> = {};
  const directory = mountGroup === undefined ? `0755 :${owner.group}` : `2755 :${mountGroup}`;
  for (const [path, { bytes, mode, user = owner.user, group = mountGroup ?? owner.group }] of files) {
    view[path] = `${octal(mode)} ${user}:${group} ${Buffer.from(bytes).toString('hex')}`;
    for (const parent of parentsOf(path)) view[`${parent}/`] = directory;
  }
  return view;
}

/** Through `..data`, resolved once. Undefined where it is not there or leads nowhere. */
export function viewThroughData(fs: VolumeFs, directory: string): View | undefined {
  if (fs.lstat(`${directory}/..data`) === undefined) return undefined;
  const generation = `${directory}/${fs.readlink(`${directory}/..data`)}`;
  return fs.lstat(generation) === undefined ? undefined : viewBelow(fs, generation);
}

/** Through the visible names, each followed as a reader does; names that lead nowhere are told apart. */
export function viewThroughNames(fs: VolumeFs, directory: string): { view: View; dangling: readonly string[] } {
  const view: Record<string, string> = {};
  const dangling: string[] = [];
  for (const { name } of fs.readdir(directory)) {
    if (name.startsWith('..')) continue;
    const data = fs.readlink(`${directory}/..data`);
    const [first, ...rest] = fs.readlink(`${directory}/${name}`).split('/');
    if (first !== '..data') throw new Error(`"${name}" does not lead through ..data`);
    const found = viewBelow(fs, `${directory}/${data}`);
    const below = Object.entries(found).filter(([path]) => path === name || path.startsWith(`${rest.join('/')}/`));
    if (below.length === 0) dangling.push(name);
    Object.assign(view, Object.fromEntries(below));
  }
  return { view, dangling };
}

function viewBelow(fs: VolumeFs, root: string): View {
  const view: Record<string, string> = {};
  for (const { path, type, mode, user, group, contents } of finish(readingTree(fs, root, { withContents: true }))) {
    if (type === 'symlink') throw new Error(`a link in a generation: "${path}"`);
    if (type === 'directory') view[`${path}/`] = `${octal(mode)} :${group}`;
    else view[path] = `${octal(mode)} ${user}:${group} ${Buffer.from(contents ?? []).toString('hex')}`;
  }
  return view;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
