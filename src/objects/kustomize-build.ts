import { posix } from 'node:path';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { KUSTOMIZATION_NAMES, type Kustomization, parseKustomization } from './kustomization.ts';
import type { KustomizeFiles } from './kustomize-files.ts';
import { generateObject } from './kustomize-generate.ts';
import { renameReferences } from './kustomize-references.ts';
import type { SuffixRule } from './name-suffix.ts';
import { describeRef, refKey, refOf } from './object.ts';
import { type Fields, type ManifestDocument, parseManifest } from './parse-manifest.ts';

export type BuildOptions = {
  /** Of objects for which neither manifest nor kustomization names one. */
  readonly defaultNamespace: string;
  readonly suffixRule: SuffixRule;
  /** Where a name alone in an environment file takes its value from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** A document, and of a generated one the name that references use. */
type Member = { readonly document: ManifestDocument; readonly writtenName?: string };

/**
 * What the kustomization in the top directory stands for: its generated objects, then its resources in order, each
 * under its final name and namespace, with references to generated names rewritten. The field of a fault starts with
 * the file. Throws what `files` throws.
 */
export async function buildKustomization(
  files: KustomizeFiles,
  options: BuildOptions,
): Promise<Parsed<ManifestDocument[]>> {
  const build = new Build(files, options);
  const members = await build.directory('');
  const faults = [...build.faults, ...repeated(members)];
  return faults.length > 0 ? faulty(faults) : parsed(renamed(members, options.defaultNamespace));
}

class Build {
  readonly faults: Fault[] = [];
  readonly #files: KustomizeFiles;
  readonly #options: BuildOptions;
  /** Files and directories taken in already: a circle, or the same objects twice. */
  readonly #taken = new Set<string>(['']);

  constructor(files: KustomizeFiles, options: BuildOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The members of a directory's kustomization. */
  async directory(directory: string): Promise<Member[]> {
    const file = await this.#kustomizationIn(directory);
    if (file === undefined) return [];
    const read = this.#kept(file, parseKustomization(await this.#text(file)));
    if (read === undefined) return [];
    const generated = await this.#generated(file, directory, read);
    const resources: Member[] = [];
    for (const [at, path] of (read.resources ?? []).entries()) {
      resources.push(...(await this.#resource(path, directory, `${file}: resources[${at}]`)));
    }
    const members = [...generated, ...resources];
    const { namespace } = read;
    return namespace === undefined ? members : members.map((member) => inNamespace(member, namespace));
  }

  async #kustomizationIn(directory: string): Promise<string | undefined> {
    const names = (await this.#files.list(directory)) ?? [];
    const found = KUSTOMIZATION_NAMES.filter((name) => names.includes(name));
    const [name] = found;
    if (name !== undefined && found.length === 1) return this.#files.resolve(posix.join(directory, name));
    const message = name === undefined ? `has no ${KUSTOMIZATION_NAMES[0]}` : `has both ${found.join(' and ')}`;
    this.faults.push({ field: `directory "${directory || '.'}"`, message });
    return undefined;
  }

  async #generated(file: string, directory: string, kustomization: Kustomization): Promise<Member[]> {
    const { secretGenerator = [], configMapGenerator = [], generatorOptions } = kustomization;
    const context = {
      files: this.#files,
      directory,
      namespace: this.#options.defaultNamespace,
      suffixRule: this.#options.suffixRule,
      options: generatorOptions,
      environment: this.#options.environment,
    };
    const members: Member[] = [];
    for (const [kind, field, generators] of [
      ['ConfigMap', 'configMapGenerator', configMapGenerator],
      ['Secret', 'secretGenerator', secretGenerator],
    ] as const) {
      for (const [at, generator] of generators.entries()) {
        const draft = this.#kept(`${file}: ${field}[${at}]`, await generateObject(kind, generator, context));
        if (draft !== undefined) members.push({ document: { kind: 'object', draft }, writtenName: generator.name });
      }
    }
    return members;
  }

  /** The members of one entry of `resources`: a manifest, or a directory with a kustomization of its own. */
  async #resource(written: string, directory: string, field: string): Promise<Member[]> {
    if (written.includes('://')) {
      this.faults.push({ field, message: 'must be a file or directory; nothing is fetched from elsewhere' });
      return [];
    }
    const path = await this.#files.resolve(posix.isAbsolute(written) ? written : posix.join(directory, written));
    if (this.#taken.has(path)) {
      this.faults.push({ field, message: `"${written}" is taken in already` });
      return [];
    }
    this.#taken.add(path);
    if ((await this.#files.list(path)) !== undefined) return this.directory(path);
    const { defaultNamespace } = this.#options;
    const documents = this.#kept(path, parseManifest(await this.#text(path), { defaultNamespace })) ?? [];
    return documents.map((document) => ({ document }));
  }

  async #text(path: string): Promise<string> {
    return Buffer.from(await this.#files.read(path)).toString('utf8');
  }

  /** The value; undefined when there are faults, which are kept with their place. */
  #kept<T>(where: string, result: Parsed<T>): T | undefined {
    if (result.ok) return result.value;
    const placed = result.faults.map(({ field, message }) => ({
      field: field === '' ? where : `${where}: ${field}`,
      message,
    }));
    this.faults.push(...placed);
    return undefined;
  }
}

function inNamespace({ document, ...rest }: Member, namespace: string): Member {
  if (document.kind === 'object') {
    const { draft } = document;
    const moved = { ...draft, metadata: { ...draft.metadata, namespace } };
    return { ...rest, document: { kind: 'object', draft: moved } };
  }
  const metadata = { ...(document.raw.metadata as Fields | undefined), namespace };
  return { ...rest, document: { ...document, raw: { ...document.raw, metadata } } };
}

/** Two objects of one final name, or two generated ones that a reference could mean, which only one can be. */
function repeated(members: readonly Member[]): Fault[] {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const { document, writtenName } of members) {
    if (document.kind !== 'object') continue;
    const ref = refOf(document.draft);
    const keys = new Set([refKey(ref), refKey({ ...ref, name: writtenName ?? ref.name })]);
    if ([...keys].some((key) => seen.has(key))) {
      faults.push({
        field: describeRef({ ...ref, name: writtenName ?? ref.name }),
        message: 'is there more than once',
      });
    }
    for (const key of keys) seen.add(key);
  }
  return faults;
}

function renamed(members: readonly Member[], defaultNamespace: string): ManifestDocument[] {
  const names = new Map<string, string>();
  for (const { document, writtenName } of members) {
    if (document.kind !== 'object' || writtenName === undefined) continue;
    const ref = refOf(document.draft);
    names.set(refKey({ ...ref, name: writtenName }), ref.name);
  }
  return members.map(({ document }) => {
    const namespace = namespaceOf(document) ?? defaultNamespace;
    return renameReferences(document, (kind, name) => names.get(refKey({ kind, namespace, name })) ?? name);
  });
}

function namespaceOf(document: ManifestDocument): string | undefined {
  if (document.kind === 'object') return document.draft.metadata.namespace;
  const namespace = (document.raw.metadata as Fields | null | undefined)?.namespace;
  return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
}
