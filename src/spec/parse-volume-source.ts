import * as z from 'zod';
import type { Fault } from '../base/errors.ts';
import { type Fields, faulty, field, isFields, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseYamlDocuments } from '../objects/manifest/yaml.ts';
import { parseObjectName } from '../objects/names.ts';
import { TEXT_LIMITS } from '../objects/text-limits.ts';
import { parentsOf, parseRelativePath, type RelativePath } from './relative-path.ts';
import { volumeSource } from './source-schemas.ts';
import {
  type DownwardItem,
  type FileAttributes,
  formatFieldPath,
  type KeyToPath,
  type SourceSpec,
  type VolumeDefinition,
  type VolumeSpec,
} from './volume-spec.ts';

/** Parses a volume source in Kubernetes' shape (parsed JSON), with optional name. Returns all faults, below `root`. */
export function parseVolumeSource(raw: unknown, root: string): Parsed<VolumeSpec> {
  const spec = parseBy(volumeSource, raw, root);
  const conflicts = pathConflicts(raw, root);
  if (conflicts.length === 0) return spec;
  return faulty([...(spec.ok ? [] : spec.faults), ...conflicts]);
}

/** `parseVolumeSource` for one document of YAML or JSON. */
export function parseVolumeSourceText(text: string, root: string): Parsed<VolumeSpec> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.context);
  if (!documents.ok) return faulty(documents.faults.map((fault) => ({ ...fault, field: root })));
  const [document, ...more] = documents.value;
  if (more.length > 0) return faulty([{ field: root, message: `must be one document, not ${1 + more.length}` }]);
  return parseVolumeSource(document, root);
}

const definitionSchema = z
  .strictObject({ projectedVolume: optional(through(z.string(), parseObjectName)), source: optional(z.unknown()) })
  .check(exactlyOne(['projectedVolume', 'source']));

export function parseDefinition(raw: unknown, root: string): Parsed<VolumeDefinition> {
  const shape = parseBy(definitionSchema, raw, root);
  if (!shape.ok) return faulty(shape.faults);
  const { projectedVolume, source } = shape.value;
  if (projectedVolume !== undefined) return parsed({ kind: 'named', projectedVolume });
  const spec = parseVolumeSource(source, root === '' ? 'source' : `${root}.source`);
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

type LiteralPath = {
  readonly path: RelativePath;
  /** The path before cleaning. */
  readonly spelling: string;
  readonly field: string;
  /** True for an item of a projected source: Kubernetes forbids two of them with the same path. */
  readonly isExclusive: boolean;
};

/**
 * Finds conflicts among the literal paths of a raw volume source: a file that is also needed as a directory, and a
 * duplicate among items of projected sources, which Kubernetes refuses. Elsewhere (plain volumes, tokens) the later one
 * wins, as in Kubernetes, unless the spellings differ: then chance decides in Kubernetes. Unparsed input is checked so
 * that other faults do not hide conflicts. The schema reports invalid paths.
 */
function pathConflicts(raw: unknown, root: string): Fault[] {
  const faults: Fault[] = [];
  const seen = new Map<string, LiteralPath>();
  const exclusive = new Map<string, LiteralPath>();
  for (const literal of literalPaths(raw, root)) {
    const { path, spelling, isExclusive } = literal;
    const before = seen.get(path);
    const first = isExclusive ? (exclusive.get(path) ?? before) : before;
    if (before === undefined) seen.set(path, literal);
    if (isExclusive && !exclusive.has(path)) exclusive.set(path, literal);
    if (first !== undefined && ((isExclusive && first.isExclusive) || first.spelling !== spelling)) {
      faults.push({
        field: literal.field,
        message: `conflicting duplicate paths: "${literal.path}" is also at ${first.field}`,
      });
    }
  }
  for (const literal of seen.values()) {
    for (const parent of parentsOf(literal.path)) {
      const file = seen.get(parent);
      if (file === undefined) continue;
      const message = `"${literal.path}" needs "${parent}" as a directory, which is a file at ${file.field}`;
      faults.push({ field: literal.field, message });
    }
  }
  return faults;
}

const KINDS_WITH_ITEMS = ['secret', 'configMap', 'downwardAPI', 'request'];

function* literalPaths(raw: unknown, root: string): Generator<LiteralPath, void> {
  if (!isFields(raw)) return;
  yield* pathsOfSource(raw, root, false);
  const { projected } = raw;
  if (!isFields(projected) || !Array.isArray(projected.sources)) return;
  for (const [index, source] of projected.sources.entries()) {
    if (isFields(source)) yield* pathsOfSource(source, field(root, 'projected', 'sources', index), true);
  }
}

function* pathsOfSource(source: Fields, at: string, isProjected: boolean): Generator<LiteralPath, void> {
  for (const kind of KINDS_WITH_ITEMS) {
    const fields = source[kind];
    if (!isFields(fields) || !Array.isArray(fields.items)) continue;
    for (const [index, item] of fields.items.entries()) {
      yield* literalPath(item, field(at, kind, 'items', index), isProjected);
    }
  }
  yield* literalPath(source.serviceAccountToken, field(at, 'serviceAccountToken'), false);
}

function* literalPath(item: unknown, at: string, isExclusive: boolean): Generator<LiteralPath, void> {
  if (!isFields(item) || typeof item.path !== 'string') return;
  const path = parseRelativePath(item.path, '');
  if (path.ok) yield { path: path.value, spelling: item.path, field: field(at, 'path'), isExclusive };
}

/** Plain JSON. Undefined fields are absent in the text. */
type Json = Readonly<Record<string, unknown>>;

/** The inverse of `parseVolumeSource`. Sources without a shape of their own in Kubernetes are `projected`. */
export function volumeSpecToJson(spec: VolumeSpec): Json {
  const defaults = { defaultMode: spec.defaultMode, defaultUser: spec.defaultUser, defaultGroup: spec.defaultGroup };
  const [source, ...more] = spec.sources;
  if (source === undefined || more.length > 0 || source.kind === 'serviceAccountToken') {
    return compact({ projected: { sources: spec.sources.map(projectionToJson), ...defaults } });
  }
  if (source.kind === 'secret') {
    const { name: secretName, items, optional } = source;
    return compact({ secret: { secretName, items: items?.map(keyToJson), optional, ...defaults } });
  }
  const [[kind, fields] = ['', {}]] = Object.entries(projectionToJson(source));
  return compact({ [kind]: { ...fields, ...defaults } });
}

/** For records and status: `{source}` or `{projectedVolume}`. */
export function definitionToJson(definition: VolumeDefinition): Json {
  let json = definitionsAsJson.get(definition);
  if (json === undefined) {
    json =
      definition.kind === 'named'
        ? { projectedVolume: definition.projectedVolume }
        : { source: volumeSpecToJson(definition.spec) };
    definitionsAsJson.set(definition, json);
  }
  return json;
}

/** A volume's definition is written with each of its records. */
const definitionsAsJson = new WeakMap<VolumeDefinition, Json>();

function projectionToJson(source: SourceSpec): Readonly<Record<string, Json>> {
  switch (source.kind) {
    case 'secret':
    case 'configMap':
      return { [source.kind]: { name: source.name, items: source.items?.map(keyToJson), optional: source.optional } };
    case 'downwardAPI':
      return { downwardAPI: { items: source.items.map(downwardToJson) } };
    case 'request':
      return { request: { items: source.items?.map(keyToJson) } };
    case 'serviceAccountToken': {
      const { audience, expirationSeconds, path, user } = source;
      return { serviceAccountToken: { audience, expirationSeconds, path, user } };
    }
  }
}

function keyToJson({ key, ...file }: KeyToPath): Json {
  return { key, ...fileToJson(file) };
}

function downwardToJson({ value, ...file }: DownwardItem): Json {
  if (value.kind === 'field') return { ...fileToJson(file), fieldRef: { fieldPath: formatFieldPath(value.field) } };
  const { containerName, resource, divisor } = value;
  return { ...fileToJson(file), resourceFieldRef: { containerName, resource, divisor } };
}

function fileToJson({ path, mode, user, group }: FileAttributes & { readonly path: string }): Json {
  return { path, mode, user, group };
}

/** Drops undefined fields at any depth. */
function compact(json: Json): Json {
  return JSON.parse(JSON.stringify(json));
}
