import { readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { ContainedDirectory, type ContainedFile } from '../base/contained-directory.ts';
import { errnoOf, invalid, toLanternError } from '../base/errors.ts';
import type { KustomizeFiles } from '../objects/kustomize-files.ts';
import { printable } from './output/printable.ts';

/** Hands `use` the files in and below `directory`, which is held meanwhile; links that leave it are refused. */
export async function withKustomizeDirectory<T>(
  directory: string,
  use: (files: KustomizeFiles) => Promise<T>,
): Promise<T> {
  await using root = await ContainedDirectory.open(directory).catch((error: unknown) => {
    throw toLanternError(error, `read the directory "${directory}"`);
  });
  return await use(new HeldFiles(root, directory));
}

class HeldFiles implements KustomizeFiles {
  readonly #root: ContainedDirectory;
  readonly #name: string;

  constructor(root: ContainedDirectory, name: string) {
    this.#root = root;
    this.#name = name;
  }

  async resolve(path: string): Promise<string> {
    using file = await this.#open(path);
    const inside = await this.#root.locate(file);
    if (inside === undefined) throw this.#outside(path);
    return inside;
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    using file = await this.#open(path);
    try {
      return (await file.stat()).isDirectory ? await readdir(file.path) : undefined;
    } catch (error) {
      throw this.#failure(path, error);
    }
  }

  async read(path: string): Promise<Uint8Array> {
    using file = await this.#open(path);
    try {
      // A pipe would be waited for without end.
      if ((await file.stat()).isFile) {
        await using handle = await file.openToRead();
        return await handle.readFile();
      }
    } catch (error) {
      throw this.#failure(path, error);
    }
    throw invalid([{ field: `file "${printable(path)}"`, message: 'must be a regular file' }]);
  }

  /** Refuses what leaves the directory before anything is looked up, so that the answer does not tell what exists elsewhere. */
  async #open(path: string): Promise<ContainedFile> {
    if (isAbsolute(path)) throw this.#outside(path);
    try {
      return await this.#root.open(join('.', path));
    } catch (error) {
      throw errnoOf(error) === 'EXDEV' ? this.#outside(path) : this.#failure(path, error);
    }
  }

  #failure(path: string, error: unknown): Error {
    return toLanternError(error, `read "${join(this.#name, path)}"`);
  }

  #outside(path: string): Error {
    const message = `must lie inside "${printable(this.#name)}", links followed; copy it there`;
    return invalid([{ field: `file "${printable(path)}"`, message }]);
  }
}
