import * as z from 'zod';
import { isAbsentOr, isExactly, isListOf, isMapOf, isOneOf, isText, isTextThat, isWhole } from '../base/checks.ts';
import { faulty, type Parsed, parseBy, parsed, parseJson, wrongType } from '../base/parsed.ts';
import { mapOf, optional, through } from '../base/schemas.ts';
import { parseBase64 } from '../base/text.ts';
import { parseNamespace } from '../objects/names.ts';
import { OBJECT_KINDS } from '../objects/object.ts';
import type { HeldToken } from '../payload/render-payload.ts';
import { definitionToJson, parseDefinition } from '../spec/parse-volume-source.ts';
import { type PodFacts, parsePodFacts, podFactsToJson } from '../spec/pod-facts.ts';
import { parseSubPath, type RelativePath } from '../spec/relative-path.ts';
import { MAX_GROUP, parseVolumeId, type VolumeDefinition, type VolumeId } from '../spec/volume-spec.ts';
import { isGenerationName } from './layout.ts';

/**
 * Information for a restarted daemon to take over a volume: JSON beside its data, 0600, replaced by rename. It never
 * contains secret bytes: those of the request are in RequestInputs, and the raw volume_context is not kept.
 */
export type VolumeRecord = {
  readonly volumeId: VolumeId;
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  /** Set if the volume was mounted as part of a pod. */
  readonly podVolume: RecordedPodVolume | undefined;
  /** Milliseconds since 1970 UTC, of the first publication. Records of earlier versions lack it. */
  readonly mountedAt?: number | undefined;
  readonly publications: readonly RecordedPublication[];
  /** The store of the revisions in `objects`. */
  readonly storeId: string;
  /** Revisions that the contents were rendered from, by `refKey`; null for an optional object that did not exist. */
  readonly objects: ReadonlyMap<string, number | null>;
};

/** The volume's name in its pod, and the root directory that the pod was mounted below. */
export type RecordedPodVolume = {
  readonly name: string;
  readonly root: string;
  /** Only the outermost of the directories that were made for the pod. */
  readonly made?: readonly string[] | undefined;
};

/** A publication, with the fields that a repeat of its request must agree on. */
export type RecordedPublication = {
  readonly target: string;
  readonly subPath: RelativePath | undefined;
  readonly pinnedGeneration: string | undefined;
  /** The publication's own mount, if there is one and it is known. Valid only in the daemon's mount namespace. */
  readonly mountId?: number | undefined;
  /** Set if only the mount is known, not the request: the other fields are a guess. */
  readonly isAssumed?: true | undefined;
  readonly accessMode: AccessMode;
  readonly readonly: boolean;
  readonly mountFlags: readonly MountFlag[];
};

/** For requests that cannot say how, and for publications whose request is unknown. */
export const USUAL_ACCESS = {
  accessMode: 'SINGLE_NODE_MULTI_WRITER',
  readonly: true,
  mountFlags: [],
} as const satisfies Partial<RecordedPublication>;

/**
 * Mount flags a request may ask for, besides those of every publication (read-only, nosuid, nodev). `nosymfollow` is
 * only for a subPath: a whole volume is reached through its own links.
 */
export const MOUNT_FLAGS = ['noexec', 'nosymfollow'] as const;
export type MountFlag = (typeof MOUNT_FLAGS)[number];

/** CSI's access modes. */
export const ACCESS_MODES = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'MULTI_NODE_READER_ONLY',
  'MULTI_NODE_SINGLE_WRITER',
  'MULTI_NODE_MULTI_WRITER',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/** Equal records give equal texts. */
export function serializeRecord(record: VolumeRecord): string {
  const { volumeId, namespace, definition, mountGroup, pod, podVolume } = record;
  const { mountedAt, publications, storeId, objects } = record;
  // Each field by its name: a spread takes several times as long as all else here.
  return JSON.stringify({
    version: FORMAT_VERSION,
    volumeId,
    namespace,
    definition: definitionToJson(definition),
    mountGroup,
    pod: pod && podFactsToJson(pod),
    podVolume,
    mountedAt,
    publications,
    storeId,
    objects: Object.fromEntries(objects),
  } satisfies Record<keyof VolumeRecord | 'version', unknown>);
}

/** The inverse of `serializeRecord`. The text is not trusted; all faults are returned at once. */
export function parseRecord(text: string): Parsed<VolumeRecord> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const shape = parseBy(RECORD, json.value);
  if (!shape.ok) return shape;
  const { version: _version, definition: rawDefinition, pod: rawPod, ...rest } = shape.value;
  const definition = parseDefinition(rawDefinition, 'definition');
  const pod = rawPod === undefined ? parsed(undefined) : parsePodFacts(rawPod, 'pod');
  if (definition.ok && pod.ok) return parsed({ ...rest, definition: definition.value, pod: pod.value });
  return faulty([definition, pod].flatMap((part) => (part.ok ? [] : part.faults)));
}

/** First field of all files, so that a later daemon knows the format. */
const FORMAT_VERSION = 1;

const generation = z.string().refine(isGenerationName, 'must be the name of a generation');

const PUBLICATION = z.strictObject({
  target: z.string().refine((path) => path.startsWith('/'), 'must be an absolute path'),
  subPath: optional(through(z.string(), parseSubPath)),
  pinnedGeneration: optional(generation),
  mountId: optional(z.int().nonnegative()),
  isAssumed: optional(z.literal(true)),
  accessMode: z.enum(ACCESS_MODES),
  readonly: z.boolean(),
  mountFlags: z.array(z.enum(MOUNT_FLAGS)),
});

const REVISION = z.int().nonnegative().nullable();
const REF_KEY = new RegExp(`^(?:${OBJECT_KINDS.join('|')})/[^/]+/[^/]+$`);

const RECORD = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  volumeId: through(z.string(), parseVolumeId),
  namespace: through(z.string(), parseNamespace),
  definition: z.unknown(),
  mountGroup: optional(z.int().nonnegative().max(MAX_GROUP)),
  pod: optional(z.unknown()),
  podVolume: optional(z.strictObject({ name: z.string(), root: z.string(), made: optional(z.array(z.string())) })),
  mountedAt: optional(z.int().nonnegative()),
  publications: z.array(PUBLICATION),
  storeId: z.string(),
  objects: mapOf<number | null>((value, key) => {
    if (!REF_KEY.test(key)) return faulty([{ field: '', message: 'must be named Kind/namespace/name' }]);
    return parseBy(REVISION, value);
  }),
});

/**
 * Returns a parser for the records of many volumes: several times as fast as `parseRecord`, with the same results.
 * Equal definitions, as the volumes of one workload have, become one object.
 */
export function recordParser(): typeof parseRecord {
  const definitions = new Map<string, VolumeDefinition>();
  return (text) => {
    const json = parseJson(text);
    const record = json.ok ? readUsual(json.value, definitions) : undefined;
    return record === undefined ? parseRecord(text) : parsed(record);
  };
}

/** Takes only what `serializeRecord` writes, so that the schema alone decides what is valid and how it is refused. */
function readUsual(json: unknown, definitions: Map<string, VolumeDefinition>): VolumeRecord | undefined {
  if (!isUsualRecord(json)) return undefined;
  const { version: _version, definition: rawDefinition, pod: rawPod, objects, ...rest } = json;
  const definition = definitionOf(rawDefinition, definitions);
  const pod = rawPod === undefined ? parsed(undefined) : parsePodFacts(rawPod, 'pod');
  if (definition === undefined || !pod.ok) return undefined;
  return { ...rest, definition, pod: pod.value, objects: new Map(Object.entries(objects)) };
}

function definitionOf(json: unknown, known: Map<string, VolumeDefinition>): VolumeDefinition | undefined {
  const text = JSON.stringify(json);
  const same = known.get(text);
  if (same !== undefined) return same;
  const definition = parseDefinition(json, 'definition');
  if (!definition.ok) return undefined;
  known.set(text, definition.value);
  return definition.value;
}

type UsualRecord = Omit<VolumeRecord, 'definition' | 'pod' | 'objects'> & {
  readonly version: number;
  readonly definition?: unknown;
  readonly pod?: unknown;
  readonly objects: Readonly<Record<string, number | null>>;
};

const isUsualRecord = isExactly({
  version: isOneOf([FORMAT_VERSION]),
  volumeId: isTextThat(isParsedAs(parseVolumeId)),
  namespace: isTextThat(isParsedAs(parseNamespace)),
  definition: () => true,
  mountGroup: isAbsentOr((value) => isWhole(value) && Number(value) <= MAX_GROUP),
  pod: () => true,
  podVolume: isAbsentOr(isExactly({ name: isText, root: isText, made: isAbsentOr(isListOf(isText)) })),
  mountedAt: isAbsentOr(isWhole),
  publications: isListOf(
    isExactly({
      target: isTextThat((path) => path.startsWith('/')),
      subPath: isAbsentOr(isTextThat(isParsedAs(parseSubPath))),
      pinnedGeneration: isAbsentOr(isTextThat(isGenerationName)),
      mountId: isAbsentOr(isWhole),
      isAssumed: isAbsentOr(isOneOf([true])),
      accessMode: isOneOf(ACCESS_MODES),
      readonly: (value) => typeof value === 'boolean',
      mountFlags: isListOf(isOneOf(MOUNT_FLAGS)),
    }),
  ),
  storeId: isText,
  objects: isMapOf(
    (revision) => revision === null || isWhole(revision),
    (key) => REF_KEY.test(key),
  ),
}) as (value: unknown) => value is UsualRecord;

/** True if the parser returns the text as it is. */
function isParsedAs(parse: (text: string, field: string) => Parsed<string>): (text: string) => boolean {
  return (text) => {
    const result = parse(text, '');
    return result.ok && result.value === text;
  };
}

/**
 * Secret bytes that came with a request. A 0600 file beside the record holds them, in memory and never inside the
 * published directory, so that the volume can be rendered again after a SIGKILL.
 */
export type RequestInputs = {
  readonly data: ReadonlyMap<string, Uint8Array>;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
};

/** An issued token, used until it is due, also after a restart. SECRET. Times are milliseconds since 1970 UTC. */
export type KeptToken = {
  readonly token: string;
  readonly expiresAt: number;
  readonly renewAt: number;
  /** Identifies the bearer. The token is never used for another one. */
  readonly bearer: string;
  /** The other terms of the request. If they differ, a new token is issued. */
  readonly terms: string;
};

/** Contents of the inputs' file. `issued` has the tokens issued for the request, by audience. */
export type KeptInputs = RequestInputs & { readonly issued?: ReadonlyMap<string, KeptToken> };

/** Bytes are base64. Equal inputs in the same order give equal texts. */
export function serializeInputs(inputs: KeptInputs): string {
  const encoded = [...inputs.data].map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')] as const);
  return JSON.stringify({
    version: FORMAT_VERSION,
    data: Object.fromEntries(encoded),
    tokens: Object.fromEntries(inputs.tokens),
    ...(inputs.issued?.size && { issued: Object.fromEntries(inputs.issued) }),
  });
}

/** The inverse of `serializeInputs`. Faults name keys and types, never values. */
export function parseInputs(text: string): Parsed<KeptInputs> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const shape = parseBy(INPUTS, json.value);
  if (!shape.ok) return shape;
  const { data, tokens, issued } = shape.value;
  return parsed({ data, tokens, ...(issued.size > 0 && { issued }) });
}

const TOKEN = z.strictObject({ token: z.string(), expirationTimestamp: z.string() });

const KEPT_TOKEN = z.strictObject({
  token: z.string(),
  expiresAt: z.number(),
  renewAt: z.number(),
  bearer: z.string(),
  terms: z.string(),
});

const INPUTS = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  data: mapOf<Uint8Array>((value) => {
    if (typeof value !== 'string') return faulty([{ field: '', message: wrongType('a string', value) }]);
    return parseBase64(value, '');
  }),
  tokens: mapOf((value) => parseBy(TOKEN, value)),
  issued: mapOf((value) => parseBy(KEPT_TOKEN, value)),
});
