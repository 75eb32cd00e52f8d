import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { LanternError } from '../../base/errors.ts';
import type { Steps } from '../../base/steps.ts';
import type { Payload, PayloadFile } from '../../payload/payload.ts';
import { parentsOf, type RelativePath } from '../../spec/relative-path.ts';
import { createFile, type Owner, type VolumeFs } from '../../volume/file-system.ts';
import { directoryAttributes } from '../../volume/generation-contents.ts';
import type { ClaimedContents } from './claims.ts';

/** The part of a payload at one path. Paths of a directory's files are relative to it, in byte order. */
type SubPathContents =
  | { readonly kind: 'file'; readonly file: PayloadFile }
  | { readonly kind: 'directory'; readonly files: ReadonlyMap<string, PayloadFile> };

/** Throws `not-found`, listing the files there are, if the payload has nothing at `subPath`. */
export function selectSubPath(payload: Payload, subPath: RelativePath): SubPathContents {
  const file = payload.files.get(subPath);
  if (file !== undefined) return { kind: 'file', file };
  const prefix = `${subPath}/`;
  const files = new Map<string, PayloadFile>();
  for (const [path, found] of payload.files) {
    if (path.startsWith(prefix)) files.set(path.slice(prefix.length), found);
  }
  if (files.size > 0) return { kind: 'directory', files };
  const there = payload.files.size === 0 ? 'no file' : [...payload.files.keys()].map((path) => `"${path}"`).join(', ');
  throw new LanternError(
    'not-found',
    `publish the subPath "${subPath}": the volume has no such file or directory; it holds ${there}`,
  );
}

/** An undefined `subPath` is the whole volume. Throws `not-found` as above. */
export function contentsAt(payload: Payload, subPath: RelativePath | undefined, generation: string): ClaimedContents {
  if (subPath === undefined) return { kind: 'volume' };
  const selected = selectSubPath(payload, subPath);
  if (selected.kind === 'file') return { kind: 'file', subPath, generation };
  return { kind: 'directory', subPath, generation, files: [...selected.files.keys()] };
}

/** The directories that these files need, parents first. */
export function directoriesOf(paths: Iterable<string>): Set<string> {
  const directories = new Set<string>();
  for (const path of paths) {
    for (const parent of [...parentsOf(path)].reverse()) directories.add(parent);
  }
  return directories;
}

/** Fills the empty directory `root` with regular files and directories. */
export function* writeDirectoryCopy(
  fs: VolumeFs,
  root: string,
  files: ReadonlyMap<string, PayloadFile>,
  mountGroup: number | undefined,
): Steps<void> {
  setDirectoryMode(fs, root, mountGroup);
  for (const directory of directoriesOf(files.keys())) {
    fs.mkdir(`${root}/${directory}`, 0o700);
    setDirectoryMode(fs, `${root}/${directory}`, mountGroup);
    yield;
  }
  for (const [path, file] of files) {
    createFile(fs, `${root}/${path}`, file.bytes, ownerOf(file, mountGroup), file.mode);
    yield;
  }
}

/** Fills an empty 0600 file: bytes, then owner, then mode. `path` is that of the opened file, in `/proc/self/fd`. */
export function writeFileCopy(path: string, file: PayloadFile, mountGroup: number | undefined): void {
  writeFileSync(path, file.bytes, { flag: 'r+' });
  const { user, group } = ownerOf(file, mountGroup);
  if (user !== undefined || group !== undefined) chownSync(path, user ?? -1, group ?? -1);
  chmodSync(path, file.mode);
}

/** Sets the mode and group that directories of a volume have, whatever the umask. */
function setDirectoryMode(fs: VolumeFs, path: string, mountGroup: number | undefined): void {
  const { mode, group } = directoryAttributes(mountGroup, fs.owner);
  if (mountGroup !== undefined) fs.chown(path, { group });
  fs.chmod(path, mode);
}

function ownerOf({ user, group }: PayloadFile, mountGroup: number | undefined): Partial<Owner> {
  const given = group ?? mountGroup;
  return { ...(user !== undefined && { user }), ...(given !== undefined && { group: given }) };
}
