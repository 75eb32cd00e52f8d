import { readdir, readlink } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { type Command, Option } from 'commander';
import { ContainedDirectory, type ContainedFile } from '../../base/contained-directory.ts';
import { errnoOf, invalid, toLanternError } from '../../base/errors.ts';
import { parsed } from '../../base/parsed.ts';
import type { Declared } from '../../objects/declared.ts';
import type { Finished } from '../../objects/kustomize/finish.ts';
import type { KustomizeDirectory } from '../../objects/kustomize/kustomization.ts';
import { SUFFIX_RULES, type SuffixRule } from '../../objects/kustomize/name-suffix.ts';
import type { Cli } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { manifestFiles } from '../input-files.ts';
import { printable } from '../output/text.ts';
import {
  inFile,
  isLeftOut,
  type Manifests,
  nameOfOther,
  nameOfPod,
  type PodDocument,
  readManifests,
  sortDocuments,
} from './manifests.ts';

/** Options of commands that take objects from manifests or from a kustomization. */
export type ManifestOptions = {
  readonly filename?: readonly string[];
  readonly recursive: boolean;
  readonly kustomize?: string;
  readonly suffixHash: SuffixRule;
  readonly namespace?: string;
};

export function addKustomizeOptions(command: Command): Command {
  return command
    .option('-k, --kustomize <DIR>', 'directory with a kustomization.yaml; not with -f')
    .addOption(suffixHashOption());
}

export function suffixHashOption(): Option {
  return new Option('--suffix-hash <RULE>', 'how generated names get their suffix: as kustomize, or as kubectl 1.15')
    .choices(SUFFIX_RULES)
    .default('kustomize');
}

/** The objects that -f or -k means; exactly one of them must be given. What Pods are among them is said on stderr. */
export async function readObjects(cli: Cli, options: ManifestOptions): Promise<readonly Declared[]> {
  const { objects, pods } = await readFilesOrKustomization(cli, options);
  await checkFields(pods);
  for (const pod of pods) {
    cli.terminal.complain(`lantern: pod/${nameOfPod(pod)} skipped: Pods are not stored, only the objects they use`);
  }
  if (objects.length === 0) cli.terminal.complain(`lantern: ${ONLY_PODS}`);
  return objects;
}

/** Of a Pod that nobody mounts only the fields count: misspelt ones would be found when it is too late. */
async function checkFields(pods: readonly PodDocument[]): Promise<void> {
  if (pods.length === 0) return;
  const { podFieldFaults } = await import('../../spec/pod/pod-fields.ts');
  const faults = pods.flatMap((pod) => {
    return podFieldFaults(pod.raw).map(({ field, message }) => ({
      field: inFile(pod.place, `Pod "${nameOfPod(pod)}": ${field}`),
      message,
    }));
  });
  if (faults.length > 0) throw invalid(faults);
}

const ONLY_PODS = 'there is no object beside the Pods; "lantern pod mount -f FILE ROOT" mounts what Pods use';

/** Objects and Pods that -f or -k means; exactly one of them must be given. */
export async function readFilesOrKustomization(cli: Cli, options: ManifestOptions): Promise<Manifests> {
  const { filename, kustomize, namespace, suffixHash } = options;
  if (filename !== undefined && kustomize !== undefined) throw wrongUsage('take objects from -f or from -k, not both');
  if (kustomize !== undefined) {
    const built = await buildDocuments(cli, kustomize, namespace ?? 'default', suffixHash);
    const documents = built.map(({ document }) => document);
    return sortDocuments([{ place: kustomize, documents: parsed(documents) }], namespace, cli.terminal);
  }
  if (filename === undefined) throw wrongUsage('say where the objects are, with -f FILE or -k DIR');
  return readManifests(await manifestFiles(filename, options.recursive), namespace, cli.terminal);
}

/**
 * What the kustomization in `directory` stands for; what was left out of it is said on stderr. Throws `invalid-argument`
 * with all its faults.
 */
export async function buildDocuments(
  cli: Cli,
  directory: string,
  defaultNamespace: string,
  suffixRule: SuffixRule,
): Promise<readonly Finished[]> {
  const { buildKustomization } = await import('../../objects/kustomize/build.ts');
  const options = { defaultNamespace, suffixRule, environment: cli.environment };
  await using top = await openKustomizeDirectory(directory);
  const built = await buildKustomization(top, options);
  if (!built.ok) throw invalid(built.faults);
  for (const notice of built.value.notices) cli.terminal.complain(printable(`lantern: ${notice}`));
  return built.value.documents;
}

/** Kinds that are neither kept nor mounted, by names for a message. */
export function passedThrough(built: readonly Finished[]): string[] {
  return built
    .map(({ document }) => document)
    .filter(isLeftOut)
    .map(nameOfOther);
}

/** The directory that the user named, held open. */
async function openKustomizeDirectory(path: string): Promise<KustomizeDirectory> {
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
