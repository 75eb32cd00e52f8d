import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseObjectName } from '../objects/names.ts';
import { formatFieldPath } from './field-path.ts';
import { parseVolumeSource } from './parse-volume-source.ts';
import type {
  DownwardItem,
  FileAttributes,
  KeyToPath,
  SourceSpec,
  VolumeDefinition,
  VolumeSpec,
} from './volume-spec.ts';

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
