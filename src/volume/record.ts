import type { PodFacts } from '../spec/pod-facts.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { VolumeId } from '../spec/volume-id.ts';
import type { VolumeDefinition } from '../spec/volume-spec.ts';

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
  readonly publications: readonly RecordedPublication[];
  /** Which history of revisions `objects` is from. */
  readonly storeId: string;
  /** What the contents were rendered from, by `refKey`; null: it did not exist (and was optional). */
  readonly objects: ReadonlyMap<string, number | null>;
};

/** A publication, with what a repeat of its request must agree on. */
export type RecordedPublication = {
  readonly target: string;
  readonly subPath: RelativePath | undefined;
  readonly pinnedGeneration: string | undefined;
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
