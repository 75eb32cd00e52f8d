import { readdir, readlink } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { ContainedDirectory, type ContainedFile } from '../base/contained-directory.ts';
import { errnoOf, invalid, toLanternError } from '../base/errors.ts';
import type { KustomizeDirectory } from '../objects/kustomize-files.ts';
import { printable } from './output/printable.ts';

/** The directory that the user named, held open. */
export async function openKustomizeDirectory(path: string): Promise<KustomizeDirectory> {
  return await HeldDirectory.open(path, path);
}

/** Errors that say that a path leads to a file, or to nothing that a file could be reached by either. */
const NO_DIRECTORY = new Set(['ENOTDIR', 'ENOENT']);

class HeldDirectory implements KustomizeDirectory {
  readonly path: string;
  readonly #held: ContainedDirectory;

  private constructor(held: ContainedDirectory, path: string) {
    this.#held = held;
    this.path = path;
  }

  static async open(path: string, name: string): Promise<HeldDirectory> {
    try {
      const held = await ContainedDirectory.open(path);
      return new HeldDirectory(held, await readlink(held.path));
    } catch (error) {
      throw toLanternError(error, `read the directory "${printable(name)}"`);
    }
  }

  async names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#held.path);
    } catch (error) {
      throw this.#failure('.', error);
    }
  }

  async read(path: string, mostBytes: number): Promise<Uint8Array> {
    using file = await this.#open(path);
    try {
      // A pipe would be waited for without end.
      if (!(await file.stat()).isFile) throw refused(path, 'must be a regular file');
      await using handle = await file.openToRead();
      const { size } = await handle.stat();
      if (size > mostBytes) throw refused(path, `its ${size} bytes are more than are left of what all files may have`);
      return await handle.readFile();
    } catch (error) {
      throw this.#failure(path, error);
    }
  }

  async directory(path: string): Promise<KustomizeDirectory | undefined> {
    // By the descriptor: the directory may have another name by now.
    const from = isAbsolute(path) ? path : `${this.#held.path}/${path}`;
    try {
      const held = await ContainedDirectory.open(from);
      return new HeldDirectory(held, await readlink(held.path));
    } catch (error) {
      if (NO_DIRECTORY.has(errnoOf(error) ?? '')) return undefined;
      throw this.#failure(path, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held[Symbol.asyncDispose]();
  }

  /** Refuses what leaves the directory before anything is looked up, so that the answer does not tell what exists elsewhere. */
  async #open(path: string): Promise<ContainedFile> {
    try {
      return await this.#held.open(isAbsolute(path) ? relative(this.path, path) : path);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw this.#failure(path, error);
      const remedy = 'copy it there, or make a kustomization where it lies and name that directory in "resources"';
      throw refused(path, `must lie inside "${printable(this.path)}", links followed; ${remedy}`);
    }
  }

  #failure(path: string, error: unknown): Error {
    return toLanternError(error, `read "${printable(path)}" in "${printable(this.path)}"`);
  }
}

function refused(path: string, message: string): Error {
  return invalid([{ field: `file "${printable(path)}"`, message }]);
}
