import { errnoOf } from '../base/errors.ts';
import { Pace, type Steps } from '../base/steps.ts';
import { byteOrderAmong, type Payload } from '../payload/payload.ts';
import { parentsOf } from '../spec/relative-path.ts';
import type { Owner, VolumeFs } from './file-system.ts';

export type GenerationContents = {
  /** In byte order of the paths. */
  readonly files: ReadonlyMap<string, GenerationFile>;
  /** All directories, parents first. The empty path is the generation itself. */
  readonly directories: ReadonlyMap<string, DirectoryAttributes>;
  /** True if it holds anything but files and directories. No payload does. */
  readonly hasStrangers: boolean;
};

type GenerationFile = FileSummary & {
  readonly read: () => Uint8Array | undefined;
};

type DirectoryAttributes = { readonly mode: number; readonly group: number };

export const NO_CONTENTS: GenerationContents = { files: new Map(), directories: new Map(), hasStrangers: false };

/** Of a volume's directories without a mount group. */
export const DIRECTORY_MODE = 0o755;
/** The setgid bit makes entries created inside inherit the group. */
const GROUP_DIRECTORY_MODE = 0o2755;

/** Attributes of a volume's directories, which belong to the daemon's user. */
export function directoryAttributes(mountGroup: number | undefined, owner: Owner): DirectoryAttributes {
  if (mountGroup === undefined) return { mode: DIRECTORY_MODE, group: owner.group };
  return { mode: GROUP_DIRECTORY_MODE, group: mountGroup };
}

/** Files without an owner of their own belong to `owner`. Volumes that share a payload share its contents. */
export function contentsOf(payload: Payload, owner: Owner): GenerationContents {
  const known = contentsOfPayloads.get(payload);
  if (known?.owner === owner) return known.contents;
  const contents = makeContents(payload, owner);
  contentsOfPayloads.set(payload, { owner, contents });
  return contents;
}

const contentsOfPayloads = new WeakMap<Payload, { readonly owner: Owner; readonly contents: GenerationContents }>();

function makeContents(payload: Payload, owner: Owner): GenerationContents {
  const attributes = directoryAttributes(payload.mountGroup, owner);
  const files = new Map<string, GenerationFile>();
  const directories = new Map([['', attributes]]);
  for (const [path, { bytes, mode, user = owner.user, group = payload.mountGroup ?? owner.group }] of payload.files) {
    files.set(path, { path, size: bytes.byteLength, mode, user, group, read: () => bytes });
    const nearest = path.lastIndexOf('/');
    if (nearest < 0 || directories.has(path.slice(0, nearest))) continue;
    for (const parent of [...parentsOf(path)].reverse()) directories.set(parent, attributes);
  }
  filesOfPayloads.add(files);
  return { files, directories, hasStrangers: false };
}

/** Reads what is on disk below `root`, except the bytes: `read` of a file reads them later. */
export function* readingContents(fs: VolumeFs, root: string): Steps<GenerationContents> {
  const files: GenerationFile[] = [];
  const directories = new Map<string, DirectoryAttributes>();
  let hasStrangers = false;
  const visit = function* (path: string): Steps<void> {
    yield;
    const place = path === '' ? root : `${root}/${path}`;
    const status = fs.lstat(place);
    if (status?.type === 'directory') {
      directories.set(path, { mode: status.mode, group: status.group });
      for (const { name } of fs.readdir(place)) yield* visit(path === '' ? name : `${path}/${name}`);
    } else if (status?.type === 'file') {
      const { size, mode, user, group } = status;
      files.push({ path, size, mode, user, group, read: () => readIfPermitted(fs, place) });
    } else {
      hasStrangers = true;
    }
  };
  yield* visit('');
  const order = byteOrderAmong(files.map(({ path }) => path));
  files.sort((a, b) => order(a.path, b.path));
  return { files: new Map(files.map((file) => [file.path, file])), directories, hasStrangers };
}

const BLOCK_BYTES = 4096;
/** Cost of an entry besides its blocks: a pool has one inode for each KiB. */
const ENTRY_BYTES = 1024;

export function bytesHeld({ files, directories }: GenerationContents): number {
  let bytes = (files.size + directories.size) * ENTRY_BYTES;
  for (const { size } of files.values()) bytes += Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  return bytes;
}

const BYTES_OF_UNIT = 16 * 1024;

/** How much work a file of so many bytes is, for a `Pace`: its few calls, and its bytes. */
export function unitsOf(bytes: number): number {
  return 3 + bytes / BYTES_OF_UNIT;
}

type Files = GenerationContents['files'];

/** Paths that are in only one of the two, or differ in bytes, mode or owner; in byte order. */
export function* changedPaths(before: Files, after: Files): Steps<readonly string[]> {
  if (before.size === 0) return [...after.keys()];
  // Files on disk may have other bytes the next time.
  const areFixed = filesOfPayloads.has(before) && filesOfPayloads.has(after);
  const known = areFixed ? latestChanges.get(before) : undefined;
  if (known?.after === after) return known.paths;
  const paths: string[] = [];
  const pace = new Pace();
  for (const path of before.keys()) if (!after.has(path)) paths.push(path);
  for (const [path, file] of after) {
    if (!isSameFile(before.get(path), file)) paths.push(path);
    if (pace.isDue(unitsOf(file.size))) yield;
  }
  paths.sort(byteOrderAmong(paths));
  if (areFixed) latestChanges.set(before, { after, paths });
  return paths;
}

const filesOfPayloads = new WeakSet<Files>();
/** Volumes that share a payload change from the same files to the same files. */
const latestChanges = new WeakMap<Files, { readonly after: Files; readonly paths: readonly string[] }>();

/** True if a generation on disk has exactly the directories of `after`, and nothing besides directories and files. */
export function hasSameDirectories(before: GenerationContents, after: GenerationContents): boolean {
  if (before.hasStrangers || before.directories.size !== after.directories.size) return false;
  for (const [path, { mode, group }] of after.directories) {
    const found = before.directories.get(path);
    if (found?.mode !== mode || found.group !== group) return false;
  }
  return true;
}

function isSameFile(a: GenerationFile | undefined, b: GenerationFile): boolean {
  if (a?.size !== b.size || a.mode !== b.mode || a.user !== b.user || a.group !== b.group) return false;
  const [bytes, others] = [a.read(), b.read()];
  return bytes !== undefined && others !== undefined && Buffer.compare(bytes, others) === 0;
}

/** Undefined for a file that the daemon cannot read, such as one of mode 0 without privileges. */
function readIfPermitted(fs: VolumeFs, path: string): Uint8Array | undefined {
  try {
    return fs.readFile(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

export type FileSummary = {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
};
