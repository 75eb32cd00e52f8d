import { readdir, readlink } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { ContainedDirectory, type ContainedFile } from '../../base/contained-directory.ts';
import { errnoOf, invalid, toLanternError } from '../../base/errors.ts';
import { parsed } from '../../base/parsed.ts';
import { readUpTo } from '../../base/read-up-to.ts';
import { buildKustomization } from '../../objects/kustomize/build.ts';
import type { Finished } from '../../objects/kustomize/finish.ts';
import type { KustomizeDirectory } from '../../objects/kustomize/kustomization.ts';
import type { SuffixRule } from '../../objects/kustomize/name-suffix.ts';
import type { Cli } from '../command.ts';
import { refuseUrl } from '../input-files.ts';
import type { NamespaceOptions } from '../options.ts';
import { printable } from '../output/text.ts';
import { isLeftOut, type Manifests, nameOfOther, sortDocuments } from './manifests.ts';

/** Errors as `readManifests`. */
export async function readKustomization(
  cli: Cli,
  directory: string,
  namespaces: NamespaceOptions,
  suffixRule: SuffixRule,
): Promise<Manifests> {
  const built = await buildDocuments(cli, directory, namespaces.currentNamespace, suffixRule);
  const documents = parsed(built.map(({ document }) => document));
  return sortDocuments([{ place: directory, documents }], namespaces.namespace, cli.terminal);
}

/** Prints what the build left out on stderr. `invalid-argument` has all faults. */
export async function buildDocuments(
  cli: Cli,
  directory: string,
  defaultNamespace: string,
  suffixRule: SuffixRule,
): Promise<readonly Finished[]> {
  refuseUrl(directory);
  await using top = await HeldDirectory.open(directory);
  const built = await buildKustomization(top, { defaultNamespace, suffixRule, environment: cli.environment });
  if (!built.ok) throw invalid(built.faults);
  for (const notice of built.value.notices) cli.terminal.complain(printable(`lantern: ${notice}`));
  return built.value.documents;
}

/** The documents of kinds that Lantern neither stores nor mounts, such as `Deployment "web"`. */
export function passedThrough(built: readonly Finished[]): string[] {
  return built
    .map(({ document }) => document)
    .filter(isLeftOut)
    .map(nameOfOther);
}

const NO_DIRECTORY = new Set(['ENOTDIR', 'ENOENT']);

/** Opened once: files are found by its descriptor, and none outside of it. */
class HeldDirectory implements KustomizeDirectory {
  readonly path: string;
  readonly #held: ContainedDirectory;

  private constructor(held: ContainedDirectory, path: string) {
    this.#held = held;
    this.path = path;
  }

  static async open(path: string): Promise<HeldDirectory> {
    try {
      const held = await ContainedDirectory.open(path);
      return new HeldDirectory(held, await readlink(held.path));
    } catch (error) {
      throw toLanternError(error, `read the directory "${printable(path)}"`);
    }
  }

  async names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#held.path);
    } catch (error) {
      throw this.#failure('.', error);
    }
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array> {
    using file = await this.#open(path);
    try {
      // Reading a pipe could block for ever.
      if (!(await file.stat()).isFile) throw refused(path, 'must be a regular file');
      await using handle = await file.openToRead();
      const bytes = await readUpTo(handle.createReadStream(), maxBytes);
      if (bytes === undefined) throw refused(path, 'it exceeds what is left of the limit for all files');
      return bytes;
    } catch (error) {
      throw this.#failure(path, error);
    }
  }

  async directory(path: string): Promise<KustomizeDirectory | undefined> {
    // By descriptor, because the directory may have been renamed.
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

  /** Refuses a path outside the directory before it looks, so that the error does not reveal what exists there. */
  async #open(path: string): Promise<ContainedFile> {
    try {
      return await this.#held.open(isAbsolute(path) ? relative(this.path, path) : path);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw this.#failure(path, error);
      const remedy = 'copy it there, or write a kustomization beside it and list its directory in "resources"';
      throw refused(path, `must be inside "${printable(this.path)}" after links are resolved; ${remedy}`);
    }
  }

  #failure(path: string, error: unknown): Error {
    return toLanternError(error, `read "${printable(path)}" in "${printable(this.path)}"`);
  }
}

function refused(path: string, message: string): Error {
  return invalid([{ field: `file "${printable(path)}"`, message }]);
}
