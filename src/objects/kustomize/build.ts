import { posix } from 'node:path';
import { type Fault, invalid } from '../../base/errors.ts';
import { faulty, isFields, orThrow, type Parsed, parsed } from '../../base/parsed.ts';
import { parseUtf8 } from '../../base/text.ts';
import { parseDocument, readDocuments } from '../manifest/parse-manifest.ts';
import { type Finished, finishMembers } from './finish.ts';
import { type GenerateContext, generate, generatedOver } from './generate.ts';
import {
  type GeneratorBehavior,
  KUSTOMIZATION_NAMES,
  type Kustomization,
  type KustomizeDirectory,
  parseKustomization,
  type WrittenPatch,
} from './kustomization.ts';
import { hasName, identityOf, type Member, newMember, transform, withoutRepeated } from './member.ts';
import type { SuffixRule } from './name-suffix.ts';
import { applyPatch, parsePatchBody } from './patch.ts';

export type BuildOptions = {
  /** For objects whose namespace neither manifest nor kustomization names. */
  readonly defaultNamespace: string;
  readonly suffixRule: SuffixRule;
  /** Values for names that stand alone in an environment file. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Built = { readonly documents: readonly Finished[]; readonly notices: readonly string[] };

/** A base counts each time it is reached: without a bound, twenty directories could mean a million builds. */
const MAX_KUSTOMIZATIONS = 1000;
const MAX_OBJECTS = 10_000;
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_PATCHES = 1000;

/** Each level stays open while those below it are built. */
const MAX_LEVELS = 100;

/**
 * Builds the top kustomization: generated objects, then resources in order. Directories may lie anywhere; files are
 * read only in and below the directory of the kustomization that names them. The field of a fault starts with the file.
 * Throws the errors of `top`, and `invalid-argument` if the result is too large.
 */
export async function buildKustomization(top: KustomizeDirectory, options: BuildOptions): Promise<Parsed<Built>> {
  const build = new Build(top.path, options);
  const members = await build.directory(top, 'top', [], []);
  const finished = finishMembers(members, options);
  const faults = [...build.faults, ...(finished.ok ? [] : finished.faults)];
  if (!finished.ok || faults.length > 0) return faulty(faults);
  return parsed({ documents: finished.value, notices: build.notices });
}

class Build {
  readonly faults: Fault[] = [];
  readonly notices: string[] = [];
  readonly #top: string;
  readonly #options: BuildOptions;
  #kustomizations = 0;
  #bytes = 0;

  constructor(top: string, options: BuildOptions) {
    this.#top = top;
    this.#options = options;
  }

  /** `given`: all objects so far for a component, none for a resource. `above`: the directories on the way here. */
  async directory(
    directory: KustomizeDirectory,
    role: 'top' | 'resource' | 'component',
    above: readonly string[],
    given: readonly Member[],
  ): Promise<readonly Member[]> {
    this.#kustomizations += 1;
    if (this.#kustomizations > MAX_KUSTOMIZATIONS) throw tooMuch(`more than ${MAX_KUSTOMIZATIONS} kustomizations`);
    if (above.length >= MAX_LEVELS) throw tooMuch(`more than ${MAX_LEVELS} levels of bases`);
    const file = await this.#kustomizationIn(directory);
    if (file === undefined) return given;
    const place = this.#place(directory, file);
    const read = this.#kept(place, parseKustomization(await this.#text(directory, file)));
    if (read === undefined) return given;
    if (role !== 'top' && (role === 'component') !== (read.kind === 'Component')) {
      const field = role === 'component' ? 'components" must be of this kind' : 'resources" must not be of this kind';
      this.faults.push({ field: `${place}: kind`, message: `what stands in "${field}: Component` });
    }
    const way = [...above, directory.path];
    const resources = await this.#resources(read, place, directory, way);
    let members = this.#unique([...given, ...resources]);
    members = await this.#generated(members, read, place, directory);
    for (const [at, path] of (read.components ?? []).entries()) {
      const component = await directory.directory(path);
      const here = `${place}: components[${at}]`;
      if (component === undefined) this.faults.push({ field: here, message: 'must be a directory' });
      else members = await this.#base(component, 'component', path, here, way, members);
    }
    const { patchesStrategicMerge = [], patches = [], patchesJson6902 = [] } = read;
    const merges = patchesStrategicMerge.map((written) =>
      /\n|^\s*\{/.test(written) ? { patch: written } : { path: written },
    );
    members = await this.#patched(members, merges, `${place}: patchesStrategicMerge`, directory);
    members = await this.#patched(members, patches, `${place}: patches`, directory);
    members = this.#unique(transform(members, read));
    return await this.#patched(members, patchesJson6902, `${place}: patchesJson6902`, directory);
  }

  async #kustomizationIn(directory: KustomizeDirectory): Promise<string | undefined> {
    const names = await directory.names();
    const found = KUSTOMIZATION_NAMES.filter((name) => names.includes(name));
    const [name] = found;
    if (name !== undefined && found.length === 1) return name;
    const message = name === undefined ? `has no ${KUSTOMIZATION_NAMES[0]}` : `has both ${found.join(' and ')}`;
    this.faults.push({ field: `directory "${this.#place(directory, '.')}"`, message });
    return undefined;
  }

  async #resources(
    kustomization: Kustomization,
    place: string,
    directory: KustomizeDirectory,
    way: readonly string[],
  ): Promise<readonly Member[]> {
    const members: Member[] = [];
    for (const field of ['resources', 'bases'] as const) {
      for (const [at, path] of (kustomization[field] ?? []).entries()) {
        const here = `${place}: ${field}[${at}]`;
        if (path.includes('://')) {
          this.faults.push({ field: here, message: 'must be a file or directory; nothing is fetched from elsewhere' });
          continue;
        }
        const base = await directory.directory(path);
        if (base === undefined) members.push(...(await this.#manifest(path, directory)));
        else members.push(...(await this.#base(base, 'resource', path, here, way, [])));
        if (members.length > MAX_OBJECTS) throw tooMuch(`more than ${MAX_OBJECTS} objects`);
      }
    }
    return members;
  }

  /** A base may lie anywhere, but must not contain a directory that leads to it. */
  async #base(
    opened: KustomizeDirectory,
    role: 'resource' | 'component',
    path: string,
    field: string,
    way: readonly string[],
    given: readonly Member[],
  ): Promise<readonly Member[]> {
    await using base = opened;
    const refuse = (message: string): readonly Member[] => {
      this.faults.push({ field, message });
      return given;
    };
    if (posix.isAbsolute(path)) return refuse('a directory must be named by a path relative to this one');
    const around = base.path === '/' ? '/' : `${base.path}/`;
    if (way.some((visited) => `${visited}/`.startsWith(around))) {
      return refuse(`"${path}" would be taken in by itself: it is this directory, or around one that leads here`);
    }
    return await this.directory(base, role, way, given);
  }

  async #manifest(path: string, directory: KustomizeDirectory): Promise<Member[]> {
    const place = this.#place(directory, path);
    const { defaultNamespace } = this.#options;
    const members: Member[] = [];
    for (const { raw, where } of this.#kept(place, readDocuments(await this.#text(directory, path))) ?? []) {
      const here = `${place}: ${where}`;
      if (isFields(raw)) members.push(newMember(raw, here, defaultNamespace, false));
      else this.#kept('', parseDocument({ raw, where: here }, { defaultNamespace }));
    }
    return members;
  }

  /** Generated members come first. Members that a generator changes keep their place. */
  async #generated(
    given: readonly Member[],
    { configMapGenerator = [], secretGenerator = [], generatorOptions }: Kustomization,
    place: string,
    directory: KustomizeDirectory,
  ): Promise<readonly Member[]> {
    const read = (path: string) => this.#read(directory, path);
    const context: GenerateContext = { read, options: generatorOptions, environment: this.#options.environment };
    let made: Member[] = [];
    let members = [...given];
    for (const [kind, field, generators] of [
      ['ConfigMap', 'configMapGenerator', configMapGenerator],
      ['Secret', 'secretGenerator', secretGenerator],
    ] as const) {
      for (const [at, generator] of generators.entries()) {
        const here = `${place}: ${field}[${at}]`;
        const result = this.#kept(here, await generate(kind, generator, context));
        if (result === undefined) continue;
        const { behavior = 'create' } = generator;
        const member = newMember(result.raw, here, this.#options.defaultNamespace, result.hasHash);
        const [old, ...others] = [...made, ...members].filter((other) => hasName(other, identityOf(member)));
        const problem = problemOf(behavior, old, others.length);
        // The missing object may be in a file that could not be read.
        if (problem !== undefined && this.faults.length === 0) this.faults.push({ field: here, message: problem });
        if (problem !== undefined) continue;
        if (old === undefined || behavior === 'create') made.push(member);
        else {
          const next = generatedOver(old, result, behavior);
          const exchanged = (one: Member) => (one === old ? next : one);
          made = made.map(exchanged);
          members = members.map(exchanged);
        }
      }
    }
    return [...made, ...members];
  }

  async #patched(
    given: readonly Member[],
    written: readonly Partial<WrittenPatch>[],
    place: string,
    directory: KustomizeDirectory,
  ): Promise<readonly Member[]> {
    if (written.length > MAX_PATCHES) throw tooMuch(`more than ${MAX_PATCHES} patches`);
    let members = given;
    for (const [at, { path, patch, target, options }] of written.entries()) {
      const here = `${place}[${at}]`;
      if ((path === undefined) === (patch === undefined)) {
        this.faults.push({ field: here, message: 'must have exactly one of path, patch' });
        continue;
      }
      const text = path === undefined ? (patch ?? '') : await this.#text(directory, path);
      const body = this.#kept(here, parsePatchBody(text));
      // After a failed read, a patch's faults do not help.
      if (body === undefined || this.faults.length > 0) continue;
      const result = applyPatch(members, { place: here, target, options, body }, this.#options.defaultNamespace);
      this.faults.push(...result.faults);
      this.notices.push(...result.notices);
      members = result.members;
    }
    return members;
  }

  #unique(members: readonly Member[]): readonly Member[] {
    if (members.length > MAX_OBJECTS) throw tooMuch(`more than ${MAX_OBJECTS} objects`);
    const { unique, faults } = withoutRepeated(members);
    this.faults.push(...faults);
    return unique;
  }

  async #text(directory: KustomizeDirectory, path: string): Promise<string> {
    return orThrow(parseUtf8(await this.#read(directory, path), this.#place(directory, path)));
  }

  async #read(directory: KustomizeDirectory, path: string): Promise<Uint8Array> {
    const bytes = await directory.read(path, MAX_BYTES - this.#bytes);
    this.#bytes += bytes.length;
    return bytes;
  }

  #place(directory: KustomizeDirectory, path: string): string {
    return posix.relative(this.#top, posix.resolve(directory.path, path)) || '.';
  }

  /** Returns the value, or undefined after recording the faults with their place. */
  #kept<T>(where: string, result: Parsed<T>): T | undefined {
    if (result.ok) return result.value;
    const placed = result.faults.map(({ field, message }) => ({
      field: [where, field].filter((part) => part !== '').join(': '),
      message,
    }));
    this.faults.push(...placed);
    return undefined;
  }
}

function problemOf(behavior: GeneratorBehavior, old: Member | undefined, others: number): string | undefined {
  if (behavior === 'create') {
    return old === undefined ? undefined : 'there is an object of this name already; say behavior: merge or replace';
  }
  if (old === undefined) return `there is no object of this name to ${behavior}`;
  return others === 0 ? undefined : `more than one object has this name; ${behavior} can mean one only`;
}

function tooMuch(what: string): Error {
  return invalid([{ field: 'kustomization', message: `means ${what}; build it in parts` }]);
}
