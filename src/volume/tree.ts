import { finish, type Steps } from '../base/steps.ts';
import { byteOrderAmong } from '../payload/payload.ts';
import type { VolumeFs } from './file-system.ts';

export type TreeEntry = {
  /** Relative to the volume. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits, setgid included. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly size: number;
  readonly linkTarget: string | undefined;
  readonly contents: Uint8Array | undefined;
};

/** Everything below a directory, depth first, in byte order, links not followed. `withContents` adds file contents. */
export function readTree(fs: VolumeFs, directory: string, options: ReadTreeOptions): TreeEntry[] {
  return finish(readingTree(fs, directory, options));
}

type ReadTreeOptions = { readonly withContents: boolean };

export function* readingTree(fs: VolumeFs, directory: string, options: ReadTreeOptions): Steps<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const visit = function* (parent: string): Steps<void> {
    const names = fs.readdir(parent === '' ? directory : `${directory}/${parent}`).map(({ name }) => name);
    for (const name of names.sort(byteOrderAmong(names))) {
      const path = parent === '' ? name : `${parent}/${name}`;
      const place = `${directory}/${path}`;
      const status = fs.lstat(place);
      if (status === undefined || status.type === 'other') continue;
      const { type } = status;
      const linkTarget = type === 'symlink' ? fs.readlink(place) : undefined;
      const contents = type === 'file' && options.withContents ? fs.readFile(place) : undefined;
      entries.push({ path, ...status, type, linkTarget, contents });
      yield;
      if (type === 'directory') yield* visit(path);
    }
  };
  yield* visit('');
  return entries;
}
