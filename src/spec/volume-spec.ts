import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseAnnotationKey, parseLabelKey } from '../objects/names.ts';
import type { RelativePath } from './relative-path.ts';

/** The largest user or group id: chown(2) takes the next value for "unchanged". */
export const MAX_GROUP = 2 ** 32 - 2;

/** A volume's contents, parsed and with defaults. All five shapes become one list of sources; later ones win. */
export type VolumeSpec = {
  readonly sources: readonly SourceSpec[];
  /** Permission bits, 0 to 0o777. */
  readonly defaultMode: number;
  readonly defaultUser: number | undefined;
  readonly defaultGroup: number | undefined;
};

export type SourceSpec = ObjectSource | DownwardSource | TokenSource | RequestSource;

export type ObjectSource = {
  readonly kind: 'secret' | 'configMap';
  readonly name: string;
  /** If undefined, every key is a file of its name. */
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
};

type RequestSource = { readonly kind: 'request'; readonly items: readonly KeyToPath[] | undefined };

type DownwardSource = { readonly kind: 'downwardAPI'; readonly items: readonly DownwardItem[] };

export type TokenSource = {
  readonly kind: 'serviceAccountToken';
  /** If empty, the daemon's own audience. */
  readonly audience: string;
  readonly expirationSeconds: number;
  readonly path: RelativePath;
  /** The file's owner; the volume's default if undefined. */
  readonly user: number | undefined;
};

/** If undefined, the volume's defaults apply. */
export type FileAttributes = {
  readonly mode: number | undefined;
  readonly user: number | undefined;
  readonly group: number | undefined;
};

export type KeyToPath = FileAttributes & { readonly key: string; readonly path: RelativePath };

export type DownwardItem = FileAttributes & { readonly path: RelativePath; readonly value: DownwardValue };

export type DownwardValue =
  | { readonly kind: 'field'; readonly field: FieldPath }
  | {
      readonly kind: 'resource';
      readonly containerName: string;
      /** `limits.cpu`, `requests.memory`, … */
      readonly resource: string;
      /** A Kubernetes quantity. */
      readonly divisor: string;
    };

/** A volume's content, or the name of a ProjectedVolume in its namespace. */
export type VolumeDefinition =
  | { readonly kind: 'inline'; readonly spec: VolumeSpec }
  | { readonly kind: 'named'; readonly projectedVolume: string };

export const DEFAULT_MODE = 0o644;

export const NO_ATTRIBUTES: FileAttributes = { mode: undefined, user: undefined, group: undefined };

/** Of a volume source that says nothing about its files. */
export const VOLUME_DEFAULTS = { defaultMode: DEFAULT_MODE, defaultUser: undefined, defaultGroup: undefined } as const;

/** The same as `parseVolumeSource` makes of a source with a name and nothing else, as most requests have it. */
export function wholeObject(kind: ObjectSource['kind'], name: string): VolumeDefinition {
  const key = `${kind} ${name}`;
  let definition = wholeObjects.get(key);
  if (definition === undefined) {
    const source: ObjectSource = { kind, name, items: undefined, optional: false };
    const spec = { sources: [source], ...VOLUME_DEFAULTS };
    definition = { kind: 'inline', spec };
    const [oldest] = wholeObjects.size < MAX_WHOLE_OBJECTS ? [] : wholeObjects.keys();
    if (oldest !== undefined) wholeObjects.delete(oldest);
    wholeObjects.set(key, definition);
  }
  return definition;
}

/** Volumes of one object share a definition, and what is made of it. */
const wholeObjects = new Map<string, VolumeDefinition>();
const MAX_WHOLE_OBJECTS = 256;

declare const volumeId: unique symbol;
/** Not empty, at most 128 bytes of UTF-8 without control characters (CSI's limit for strings). */
export type VolumeId = string & { readonly [volumeId]: true };

const MAX_BYTES = 128;

export function parseVolumeId(text: string, field = 'volume_id'): Parsed<VolumeId> {
  if (text === '') return faulty([{ field, message: 'is required' }]);
  if (Buffer.byteLength(text) > MAX_BYTES)
    return faulty([{ field, message: `must be no more than ${MAX_BYTES} bytes` }]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) return faulty([{ field, message: 'must not contain control characters' }]);
  return parsed(text as VolumeId);
}

export type FieldPath =
  | { readonly kind: 'name' | 'namespace' | 'uid' | 'labels' | 'annotations' }
  | { readonly kind: 'label' | 'annotation'; readonly key: string };

const WHOLE = ['name', 'namespace', 'uid', 'labels', 'annotations'] as const;

/** `metadata.name`, `metadata.labels`, `metadata.annotations['key']`, … */
export function parseFieldPath(text: string, field: string): Parsed<FieldPath> {
  const kind = WHOLE.find((known) => text === `metadata.${known}`);
  if (kind !== undefined) return parsed({ kind });

  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/s.exec(text) ?? [];
  if (map === undefined || key === undefined) {
    return faulty([
      {
        field,
        message: `must be one of ${WHOLE.map((known) => `metadata.${known}`).join(', ')}, or metadata.labels['key'] or metadata.annotations['key']`,
      },
    ]);
  }
  const parsedKey = map === 'labels' ? parseLabelKey(key, field) : parseAnnotationKey(key, field);
  return parsedKey.ok ? parsed({ kind: map === 'labels' ? 'label' : 'annotation', key }) : parsedKey;
}

export function formatFieldPath(path: FieldPath): string {
  switch (path.kind) {
    case 'label':
      return `metadata.labels['${path.key}']`;
    case 'annotation':
      return `metadata.annotations['${path.key}']`;
    default:
      return `metadata.${path.kind}`;
  }
}
