import { posix } from 'node:path';
import type { Fault } from '../../base/errors.ts';
import { type Fields, faulty, isFields, type Parsed, parsed } from '../../base/parsed.ts';
import { parseEnvFile } from '../env-names.ts';
import { parseDataKey } from '../names.ts';
import type { Generator, GeneratorBehavior, GeneratorOptions } from './kustomization.ts';
import { type Member, metadataOf } from './member.ts';

export type GenerateContext = {
  /** Paths are relative to the kustomization. */
  readonly read: (path: string) => Promise<Uint8Array>;
  readonly options: GeneratorOptions | undefined;
  /** Values for names that stand alone in an environment file. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** `raw` has the name without its hash. */
type Generated = { readonly raw: Fields; readonly hasHash: boolean };

type Entry = readonly [key: string, value: Uint8Array];
/** Faults name the field below the generator. */
export async function generate(
  kind: 'Secret' | 'ConfigMap',
  generator: Generator,
  context: GenerateContext,
): Promise<Parsed<Generated>> {
  const values = await valuesOf(generator, context);
  if (!values.ok) return values;
  const options = mergeOptions(context.options, generator.options);
  const { name, namespace } = generator;
  const { labels, annotations, immutable } = options;
  const raw = {
    apiVersion: 'v1',
    kind,
    metadata: present({ name, namespace, labels: unlessEmpty(labels), annotations: unlessEmpty(annotations) }),
    ...present({ immutable: immutable || undefined }),
    ...(kind === 'Secret' ? secretBody(generator, values.value) : configMapBody(values.value)),
  };
  return parsed({ raw, hasHash: !options.disableNameSuffixHash });
}

/**
 * Name, namespace, labels and annotations stay, with new labels and annotations over them. All else, including `type`,
 * is the generator's; a merge keeps the old data.
 */
export function generatedOver(
  old: Member,
  { raw, hasHash }: Generated,
  behavior: Exclude<GeneratorBehavior, 'create'>,
): Member {
  const [before, after] = [metadataOf(old.raw), metadataOf(raw)];
  const both = (a: unknown, b: unknown) => unlessEmpty({ ...(isFields(a) && a), ...(isFields(b) && b) });
  const data = both(old.raw.data, raw.data) ?? raw.data;
  const merged = behavior === 'replace' ? {} : { data, binaryData: both(old.raw.binaryData, raw.binaryData) };
  const { name, namespace } = before;
  const labels = both(before.labels, after.labels);
  const annotations = both(before.annotations, after.annotations);
  const metadata = present({ name, namespace, labels, annotations });
  return { ...old, raw: present({ ...raw, ...merged, metadata }), hasHash: old.hasHash && hasHash };
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function unlessEmpty(fields: Fields | undefined): Fields | undefined {
  return fields === undefined || Object.keys(fields).length === 0 ? undefined : fields;
}

/** The generator's own labels and annotations win; a flag that either turns on is on. */
function mergeOptions(all: GeneratorOptions | undefined, own: GeneratorOptions | undefined): GeneratorOptions {
  return {
    labels: { ...all?.labels, ...own?.labels },
    annotations: { ...all?.annotations, ...own?.annotations },
    disableNameSuffixHash: all?.disableNameSuffixHash || own?.disableNameSuffixHash,
    immutable: all?.immutable || own?.immutable,
  };
}

function secretBody({ type }: Generator, values: ReadonlyMap<string, Uint8Array>): Fields {
  return { type: type || 'Opaque', data: Object.fromEntries([...values].map(([key, bytes]) => [key, inLines(bytes)])) };
}

function configMapBody(values: ReadonlyMap<string, Uint8Array>): Fields {
  const data = new Map<string, string>();
  const binaryData = new Map<string, string>();
  for (const [key, bytes] of values) {
    const text = textOf(bytes);
    if (text === undefined) binaryData.set(key, inLines(bytes));
    else data.set(key, text);
  }
  return present({
    data: unlessEmpty(Object.fromEntries(data)),
    binaryData: unlessEmpty(Object.fromEntries(binaryData)),
  });
}

const LINE_LENGTH = 70;

/** Base64 longer than a line is broken into lines, each with a line end: kustomize hashes it so. */
function inLines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  return text.length < LINE_LENGTH ? text : text.replace(/.{1,70}/g, '$&\n');
}

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
      faults.push(
        ...entries.faults.map((fault) => ({
          ...fault,
          field: fault.field === '' ? field : `${field}: ${fault.field}`,
        })),
      );
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

/** Splits at the first `=`. Messages do not quote the text, which may be the value. */
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
  return parsed([[second === undefined ? posix.basename(path) : first, await context.read(path)]]);
}

async function envEntries(path: string, context: GenerateContext): Promise<Parsed<Entry[]>> {
  const result = parseEnvFile(await context.read(path), context.environment);
  return result.ok ? parsed(result.value.map(([key, value]) => [key, Buffer.from(value)] as const)) : result;
}
