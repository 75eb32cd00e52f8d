import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { mapOf, optional, through } from '../base/schemas.ts';
import { parseNamespace } from '../objects/names.ts';
import { OBJECT_KINDS } from '../objects/object.ts';
import { type PodFacts, parsePodFacts, podFactsToJson } from '../spec/pod-facts.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { parseSubPath } from '../spec/sub-path.ts';
import { parseVolumeId, type VolumeId } from '../spec/volume-id.ts';
import { definitionToJson, parseDefinition } from '../spec/volume-source-json.ts';
import type { VolumeDefinition } from '../spec/volume-spec.ts';
import { isGenerationName } from './layout.ts';
import { FORMAT_VERSION, parseJson } from './stored-json.ts';

/**
 * What lets a restarted daemon take a volume over. JSON beside the volume's data, 0600, replaced by rename. It never
 * holds secret bytes: those of the request are in RequestInputs, and the raw volume_context is not kept at all.
 */
export type VolumeRecord = {
  readonly volumeId: VolumeId;
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  /** Set where the volume was mounted as one of a whole pod. */
  readonly podVolume: RecordedPodVolume | undefined;
  readonly publications: readonly RecordedPublication[];
  /** Which history of revisions `objects` is from. */
  readonly storeId: string;
  /** What the contents were rendered from, by `refKey`; null: it did not exist (and was optional). */
  readonly objects: ReadonlyMap<string, number | null>;
};

/** Which of a pod's volumes it is, and the root directory that the pod was mounted below. */
export type RecordedPodVolume = {
  readonly name: string;
  readonly root: string;
  /** Directories that were made for the pod, without those in them. */
  readonly made?: readonly string[] | undefined;
};

/** A publication, with what a repeat of its request must agree on. */
export type RecordedPublication = {
  readonly target: string;
  readonly subPath: RelativePath | undefined;
  readonly pinnedGeneration: string | undefined;
  /** The publication's own mount, while the daemon stays in one mount namespace; where there is one and it is known. */
  readonly mountId?: number | undefined;
  /** Only the mount is known, not what was asked for: the rest is a guess. */
  readonly isAssumed?: true | undefined;
  readonly accessMode: AccessMode;
  readonly readonly: boolean;
  readonly mountFlags: readonly MountFlag[];
};

/**
 * Mount flags a request may ask for, besides what every publication has (read-only, nosuid, nodev). `nosymfollow`
 * makes sense for a subPath only: a whole volume is reached through its own links.
 */
export const MOUNT_FLAGS = ['noexec', 'nosymfollow'] as const;
export type MountFlag = (typeof MOUNT_FLAGS)[number];

/** CSI's access modes, in the field's words. */
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

/** The record's file: equal records give equal texts. */
export function serializeRecord(record: VolumeRecord): string {
  const { definition, pod, objects } = record;
  return JSON.stringify({
    version: FORMAT_VERSION,
    ...record,
    definition: definitionToJson(definition),
    pod: pod && podFactsToJson(pod),
    objects: Object.fromEntries(objects),
  });
}

/** The inverse of `serializeRecord`, for a text that anybody may have written. Every fault at once. */
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

/** The largest id that is not chown(2)'s "as it is". */
const MAX_ID = 0xffff_fffe;

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
  mountGroup: optional(z.int().nonnegative().max(MAX_ID)),
  pod: optional(z.unknown()),
  podVolume: optional(z.strictObject({ name: z.string(), root: z.string(), made: optional(z.array(z.string())) })),
  publications: z.array(PUBLICATION),
  storeId: z.string(),
  objects: mapOf<number | null>((value, key) => {
    if (!REF_KEY.test(key)) return faulty([{ field: '', message: 'must be named Kind/namespace/name' }]);
    return parseBy(REVISION, value);
  }),
});
