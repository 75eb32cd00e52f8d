import { z } from 'zod';
import type { Fault } from '../base/errors.ts';
import { faulty, field, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseYamlDocuments } from '../objects/manifest/yaml.ts';
import { parseObjectName } from '../objects/names.ts';
import { TEXT_LIMITS, type TextLimits } from '../objects/text-limits.ts';
import { parseRelativePath, type RelativePath } from './relative-path.ts';
import { type ParsedVolumeSource, sourcesOf, volumeSource } from './source-schemas.ts';
import {
  type DownwardItem,
  type FileAttributes,
  formatFieldPath,
  type KeyToPath,
  type SourceSpec,
  type VolumeDefinition,
  type VolumeSpec,
} from './volume-spec.ts';

const DEFAULT_MODE = 0o644;

/**
 * One volume source in Kubernetes' shape, as parsed JSON → what the volume shall contain, or every fault at once with
 * its path below `root`. An entry of a pod's `.spec.volumes[]` may be given as it stands there, with its name.
 */
export function parseVolumeSource(raw: unknown, root: string): Parsed<VolumeSpec> {
  const shape = parseBy(volumeSource, raw, root);
  const conflicts = pathConflicts(raw, root);
  if (shape.ok && conflicts.length === 0) return parsed(specOf(shape.value));
  return faulty([...(shape.ok ? [] : shape.faults), ...conflicts]);
}

/** As `parseVolumeSource`, from one document of YAML or JSON. */
export function parseVolumeSourceText(text: string, root: string): Parsed<VolumeSpec> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.context);
  if (!documents.ok) return faulty(documents.faults.map((fault) => ({ ...fault, field: root })));
  const [document, ...more] = documents.value;
  if (more.length > 0) return faulty([{ field: root, message: `must be one document, not ${1 + more.length}` }]);
  return parseVolumeSource(document, root);
}

function specOf({ secret, configMap, downwardAPI, projected, request }: ParsedVolumeSource): VolumeSpec {
  const defaults = secret ?? configMap ?? downwardAPI ?? projected ?? request;
  return {
    sources: projected?.sources?.flat() ?? sourcesOf({ secret, configMap, downwardAPI, request }),
    defaultMode: defaults?.defaultMode ?? DEFAULT_MODE,
    defaultUser: defaults?.defaultUser,
    defaultGroup: defaults?.defaultGroup,
  };
}

/** A path that a volume source names itself, rather than through a key, and where it does. */
type LiteralPath = {
  readonly path: RelativePath;
  /** As it was written, before cleaning. */
  readonly spelling: string;
  readonly field: string;
  /** An item of a projected source: Kubernetes lets no two of them have one path. */
  readonly isExclusive: boolean;
};

/**
 * Conflicts among the paths that a raw volume source names: one that another needs as a directory, or the same path
 * twice where Kubernetes refuses it, among the items of projected sources. Elsewhere (items of a plain volume, tokens)
 * the later one wins, as in Kubernetes; but not in another spelling, where chance would decide there. Works on unparsed
 * input, so that other faults do not hide these; what is no path is somebody else's fault.
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

function literalPaths(raw: unknown, root: string): LiteralPath[] {
  const sources = listAt(raw, 'projected', 'sources').map((source, index) => {
    return { source, at: field(root, 'projected', 'sources', index), isProjected: true };
  });
  return [{ source: raw, at: root, isProjected: false }, ...sources].flatMap(({ source, at, isProjected }) => [
    ...['secret', 'configMap', 'downwardAPI', 'request'].flatMap((kind) =>
      listAt(source, kind, 'items').flatMap((item, index) =>
        literalAt(item, field(at, kind, 'items', index), isProjected),
      ),
    ),
    ...literalAt(get(source, 'serviceAccountToken'), field(at, 'serviceAccountToken'), false),
  ]);
}

function literalAt(item: unknown, at: string, isExclusive: boolean): LiteralPath[] {
  const text = get(item, 'path');
  const path = typeof text === 'string' ? parseRelativePath(text, '') : undefined;
  if (typeof text !== 'string' || !path?.ok) return [];
  return [{ path: path.value, spelling: text, field: field(at, 'path'), isExclusive }];
}

function listAt(raw: unknown, outer: string, inner: string): unknown[] {
  const list = get(get(raw, outer), inner);
  return Array.isArray(list) ? list : [];
}

function get(raw: unknown, key: string): unknown {
  return typeof raw === 'object' && raw !== null ? new Map(Object.entries(raw)).get(key) : undefined;
}

function parentsOf(path: string): string[] {
  const elements = path.split('/');
  return elements.slice(1).map((_, index) => elements.slice(0, index + 1).join('/'));
}

/**
 * The spec of a ProjectedVolume from a request's text, as it stands there; `parseVolumeSource` says whether it is one. Deep nesting,
 * which would overflow whoever walks it, is refused by the reader of manifests.
 */
export function parseSpecText(text: string, limits: TextLimits = TEXT_LIMITS.spec): Parsed<unknown> {
  const refuse = (message: string) => faulty<unknown>([{ field: 'object.projected_volume.spec_json', message }]);
  const documents = parseYamlDocuments(text, limits);
  if (!documents.ok) return refuse(documents.faults.map(({ message }) => message).join('; '));
  const [spec, ...more] = documents.value;
  return more.length > 0 ? refuse('must be one document') : parsed(spec);
}

/** Plain JSON; fields that are undefined here are absent in the text. */
type Json = Readonly<Record<string, unknown>>;

/**
 * The spec in Kubernetes' shape, as plain JSON: `parseVolumeSource` makes an equal spec of it. A single source has the
 * shape of its own where there is one, everything else is `projected`.
 */
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

/** A volume's definition for records and status: `{source}` or `{projectedVolume}`. */
export function definitionToJson(definition: VolumeDefinition): Json {
  return definition.kind === 'named'
    ? { projectedVolume: definition.projectedVolume }
    : { source: volumeSpecToJson(definition.spec) };
}

const definitionSchema = z
  .strictObject({ projectedVolume: optional(through(z.string(), parseObjectName)), source: optional(z.unknown()) })
  .check(exactlyOne(['projectedVolume', 'source']));

/** The inverse of `definitionToJson`. */
export function parseDefinition(raw: unknown, root: string): Parsed<VolumeDefinition> {
  const shape = parseBy(definitionSchema, raw, root);
  if (!shape.ok) return faulty(shape.faults);
  const { projectedVolume, source } = shape.value;
  if (projectedVolume !== undefined) return parsed({ kind: 'named', projectedVolume });
  const spec = parseVolumeSource(source, root === '' ? 'source' : `${root}.source`);
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

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

/** Without what is undefined, in depth. */
function compact(json: Json): Json {
  return JSON.parse(JSON.stringify(json));
}
