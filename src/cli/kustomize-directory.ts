import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { invalid, toLanternError } from '../base/errors.ts';
import type { KustomizeFiles } from '../objects/kustomize-files.ts';
import { printable } from './output/printable.ts';

/** The files in and below `directory`; links that leave it are refused. */
export async function kustomizeDirectory(directory: string): Promise<KustomizeFiles> {
  const root = await realpath(directory).catch((error: unknown) => {
    throw toLanternError(error, `read the directory "${directory}"`);
  });
  return {
    resolve: (path) => resolveInside(root, path),
    list: (path) => listDirectory(join(root, path)),
    read: (path) => readRegularFile(join(root, path)),
  };
}

async function resolveInside(root: string, path: string): Promise<string> {
  const inside = isAbsolute(path) ? '..' : relative(root, join(root, path));
  // Before anything is looked up, so that the answer does not tell what exists elsewhere.
  if (leaves(inside)) throw outside(path, root);
  const real = await realpath(join(root, inside)).catch((error: unknown) => {
    throw toLanternError(error, `read "${join(root, path)}"`);
  });
  const resolved = relative(root, real);
  if (leaves(resolved)) throw outside(path, root);
  return resolved;
}

function leaves(path: string): boolean {
  return path === '..' || path.startsWith('../');
}

function outside(path: string, root: string): Error {
  const message = `must lie inside "${printable(root)}", links followed; copy it there`;
  return invalid([{ field: `file "${printable(path)}"`, message }]);
}

async function listDirectory(path: string): Promise<string[] | undefined> {
  try {
    return (await stat(path)).isDirectory() ? await readdir(path) : undefined;
  } catch (error) {
    throw toLanternError(error, `read "${path}"`);
  }
}

/** A pipe would be waited for without end, and a link put in place since the path was resolved is not followed. */
async function readRegularFile(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return await file.readFile();
  } catch (error) {
    throw toLanternError(error, `read "${path}"`);
  }
  throw invalid([{ field: `file "${printable(path)}"`, message: 'must be a regular file' }]);
}
