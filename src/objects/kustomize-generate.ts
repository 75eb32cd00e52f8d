import { posix } from 'node:path';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseEnvFile } from './env-file.ts';
import type { Generator, GeneratorOptions } from './kustomization.ts';
import type { KustomizeFiles } from './kustomize-files.ts';
import { generatedSuffix, type Suffixed, type SuffixRule } from './name-suffix.ts';
import { parseDataKey } from './names.ts';
import type { ObjectDraft } from './object.ts';
import { parseObject } from './parse-object.ts';

export type GenerateContext = {
  readonly files: KustomizeFiles;
  /** Where the kustomization lies. */
  readonly directory: string;
  /** Of objects whose generator names none. */
  readonly namespace: string;
  readonly suffixRule: SuffixRule;
  readonly options: GeneratorOptions | undefined;
  /** Where a name alone in an environment file takes its value from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

type Entry = readonly [key: string, value: Uint8Array];
type Kind = 'Secret' | 'ConfigMap';

/** The object that a generator makes, under the name with its suffix. Faults name the field below the generator. */
export async function generateObject(
  kind: Kind,
  generator: Generator,
  context: GenerateContext,
): Promise<Parsed<ObjectDraft>> {
  const values = await valuesOf(generator, context);
  if (!values.ok) return values;
  const contents = contentsOf(kind, generator, values.value);
  const options = mergeOptions(context.options, generator.options);
  const suffix = options.disableNameSuffixHash ? '' : `-${generatedSuffix(contents, context.suffixRule)}`;
  const { labels, annotations, immutable } = options;
  const metadata = { name: `${generator.name}${suffix}`, namespace: generator.namespace, labels, annotations };
  return parseObject({ apiVersion: 'v1', metadata, immutable, ...bodyOf(contents) }, context.namespace);
}

/** A generator's own options win over those of the kustomization; what either of them turns on is on. */
function mergeOptions(all: GeneratorOptions | undefined, own: GeneratorOptions | undefined): GeneratorOptions {
  return {
    labels: { ...all?.labels, ...own?.labels },
    annotations: { ...all?.annotations, ...own?.annotations },
    disableNameSuffixHash: all?.disableNameSuffixHash || own?.disableNameSuffixHash,
    immutable: all?.immutable || own?.immutable,
  };
}

function contentsOf(kind: Kind, { name, type }: Generator, values: ReadonlyMap<string, Uint8Array>): Suffixed {
  if (kind === 'Secret') return { kind, name, type: type || 'Opaque', data: values };
  const data = new Map<string, string>();
  const binaryData = new Map<string, Uint8Array>();
  for (const [key, bytes] of values) {
    const text = textOf(bytes);
    if (text === undefined) binaryData.set(key, bytes);
    else data.set(key, text);
  }
  return { kind, name, data, binaryData };
}

function bodyOf(contents: Suffixed): Record<string, unknown> {
  if (contents.kind === 'Secret') return { kind: 'Secret', type: contents.type, data: encoded(contents.data) };
  return {
    kind: 'ConfigMap',
    data: Object.fromEntries(contents.data),
    binaryData: encoded(contents.binaryData),
  };
}

function encoded(map: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...map].map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')]));
}

/** Undefined when the bytes are not UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function valuesOf(
  { files = [], literals = [], envs = [], env }: Generator,
  context: GenerateContext,
): Promise<Parsed<Map<string, Uint8Array>>> {
  const found: (readonly [field: string, entries: Parsed<readonly Entry[]>])[] = [];
  for (const [at, source] of literals.entries()) found.push([`literals[${at}]`, literalEntry(source)]);
  for (const [at, source] of files.entries()) found.push([`files[${at}]`, await fileEntry(source, context)]);
  for (const [at, path] of envs.entries()) found.push([`envs[${at}]`, await envEntries(path, context)]);
  if (env !== undefined) found.push(['env', await envEntries(env, context)]);
  return collect(found);
}

function collect(
  found: readonly (readonly [field: string, entries: Parsed<readonly Entry[]>])[],
): Parsed<Map<string, Uint8Array>> {
  const values = new Map<string, Uint8Array>();
  const faults: Fault[] = [];
  for (const [field, entries] of found) {
    if (!entries.ok) {
      faults.push(...entries.faults.map((fault) => ({ ...fault, field: inside(field, fault.field) })));
      continue;
    }
    for (const [key, value] of entries.value) {
      const valid = parseDataKey(key, field);
      if (!valid.ok) faults.push(...valid.faults);
      else if (values.has(key))
        faults.push({ field, message: `cannot add key ${key}, another key by that name already exists` });
      else values.set(key, value);
    }
  }
  return faults.length > 0 ? faulty(faults) : parsed(values);
}

function inside(field: string, rest: string): string {
  return rest === '' ? field : `${field}: ${rest}`;
}

/** Splits at the first `=`. The text is not quoted in messages: it may be the value. */
function literalEntry(source: string): Parsed<Entry[]> {
  const at = source.indexOf('=');
  if (at < 1) return faulty([{ field: '', message: 'must be KEY=VALUE' }]);
  return parsed([[source.slice(0, at), Buffer.from(withoutQuotes(source.slice(at + 1)))]]);
}

function withoutQuotes(text: string): string {
  return /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text;
}

async function fileEntry(source: string, context: GenerateContext): Promise<Parsed<Entry[]>> {
  const [first = '', second, ...more] = source.split('=');
  if (first === '' || second === '' || more.length > 0) {
    return faulty([{ field: '', message: `"${source}" must be PATH or KEY=PATH, neither of them with "="` }]);
  }
  const path = second ?? first;
  return parsed([[second === undefined ? posix.basename(path) : first, await readFile(path, context)]]);
}

async function envEntries(path: string, context: GenerateContext): Promise<Parsed<Entry[]>> {
  const result = parseEnvFile(await readFile(path, context), context.environment);
  return result.ok ? parsed(result.value.map(([key, value]) => [key, Buffer.from(value)] as const)) : result;
}

async function readFile(path: string, { files, directory }: GenerateContext): Promise<Uint8Array> {
  return files.read(await files.resolve(posix.isAbsolute(path) ? path : posix.join(directory, path)));
}
