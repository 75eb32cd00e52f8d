import type { VolumeUsage } from '../mount/publisher.ts';
import type { EnvVariable } from '../payload/environment.ts';
import type { Notice } from '../payload/payload.ts';
import type { RegistryCredentials } from '../payload/registry-credentials.ts';
import type { ContainerEnv, PodPlacement } from '../spec/container-env.ts';
import type { ImageReference } from '../spec/image-reference.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { VolumeDefinition, VolumeId } from '../spec/volume-spec.ts';
import type { TreeEntry } from '../volume/file-system.ts';
import type { FileSummary } from '../volume/generation-contents.ts';
import type { AccessMode, MountFlag, RecordedPodVolume, RecordedPublication, RequestInputs } from '../volume/record.ts';
import type { VolumeEvent } from './events/event-log.ts';

/** The interface for the services. Calls for one volume run one after the other. Every wait ends with the signal. */
export interface Projector {
  /** True once the store has synced: earlier volumes are taken over then, and new ones can be projected. */
  readonly isReady: boolean;
  /** A repeat refreshes the contents; an incompatible one is `already-exists`. */
  publish(request: PublishRequest, signal: AbortSignal): Promise<Published>;
  /**
   * The short way of a repeat, which never waits: undefined unless the volume's last request, which succeeded, has this
   * key, and `publish` would read, write and mount nothing new. Anything else has to be published.
   */
  republish(volumeId: string, requestKey: string): Published | undefined;
  /** If not, a publish needs no key: its first repeat looks at the files, which is not the short way. */
  isMounted(volumeId: string): boolean;
  /** `target` undefined: all targets of the volume. Unknown volumes and targets are not an error. */
  unpublish(request: UnpublishRequest, signal: AbortSignal): Promise<void>;
  /** Throws `not-found` for an unknown volume. */
  update(request: UpdateRequest, signal: AbortSignal): Promise<Published>;
  get(volumeId: string): VolumeStatus | undefined;
  /** In order of volume id (byte order). */
  list(): readonly VolumeStatus[];
  /** Volumes after this id (all: empty) of one namespace (all: undefined), built when reached. Read without a pause. */
  listAfter(volumeId: string, namespace: string | undefined): Iterable<VolumeStatus>;
  /** Usage of the file system with the volume; `not-found` for an unknown volume or a path it is not published at. */
  usage(volumeId: string, target: string): VolumeUsage;
  /** Events from now on until the signal aborts; `resource-exhausted` if the reader is too slow. */
  events(filter: { volumeId?: string; includeExisting: boolean }, signal: AbortSignal): AsyncIterable<VolumeEvent>;
  /**
   * Reads the objects of a volume and renders them again. If that fails, the volume keeps its last good contents, and
   * its result has an error. Empty if it is unpublished meanwhile. Throws `not-found` for an unknown one.
   */
  refresh(volumeId: string, signal: AbortSignal): Promise<readonly RefreshResult[]>;
  /** Refreshes the first `limit` volumes whose name is greater. */
  refreshAfter(volumeId: string, limit: number, signal: AbortSignal): Promise<RefreshedVolumes>;
  /** The tree the volume would have; contents only on request. A notice stands for each token that would be issued. */
  render(request: RenderRequest, signal: AbortSignal): Promise<readonly TreeEntry[]>;
  /** A container's variables; errors as for rendering a volume. */
  resolveEnvironment(request: EnvironmentRequest, signal: AbortSignal): Promise<Environment>;
  /** Logins for an image; a missing or malformed one is left out with a notice. */
  resolveCredentials(request: CredentialsRequest, signal: AbortSignal): Promise<RegistryCredentials>;
}

/** The status is built when it is read. */
export type Published = { readonly status: VolumeStatus };

/** In order of their names. `last` is the name of the last one; `remaining` counts those after it. */
export type RefreshedVolumes = {
  readonly results: readonly RefreshResult[];
  readonly last: string;
  readonly remaining: number;
};

/** `error`: the reason why the volume is `stale`. */
export type RefreshResult = {
  readonly volumeId: string;
  readonly isChanged: boolean;
  readonly error: string | undefined;
};

export type EnvironmentRequest = {
  readonly namespace: string;
  readonly container: ContainerEnv;
  readonly pod: PodFacts | undefined;
  readonly placement: PodPlacement;
};

/** Each name once, in order of its first definition. The values are secret. */
export type Environment = { readonly variables: readonly EnvVariable[]; readonly notices: readonly Notice[] };

export type CredentialsRequest = {
  readonly namespace: string;
  /** For events. */
  readonly pod?: Pick<PodFacts, 'name' | 'uid'>;
  readonly image: ImageReference;
  /** The pod's own. */
  readonly imagePullSecrets: readonly string[];
  /** Its image pull secrets are used if the pod names none. */
  readonly serviceAccountName: string;
};

export type PublishRequest = {
  readonly volumeId: VolumeId;
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  /** Absolute; checked by the publisher. */
  readonly target: string;
  readonly subPath: RelativePath | undefined;
  readonly accessMode: AccessMode;
  readonly readonly: boolean;
  readonly mountFlags: readonly MountFlag[];
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  readonly inputs: RequestInputs;
  readonly podVolume: RecordedPodVolume | undefined;
  /** Keeps trying until the signal aborts while an object is missing. */
  readonly waitForObjects: boolean;
  /** A digest of everything this request was made from, for `republish`. */
  readonly requestKey?: string | undefined;
};

export type UnpublishRequest = { readonly volumeId: VolumeId; readonly target: string | undefined };

export type UpdateRequest = {
  readonly volumeId: VolumeId;
  /** Unchanged if undefined. */
  readonly definition: VolumeDefinition | undefined;
  /** The request's own data; unchanged if undefined. */
  readonly data: ReadonlyMap<string, Uint8Array> | undefined;
};

export type RenderRequest = {
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  readonly inputs: RequestInputs;
  readonly withContents: boolean;
};

/**
 * - `ready`: the contents are those of the definition at the newest revisions known.
 * - `stale`: the last good contents stay, and `lastError` says why they cannot be renewed; or a token in them has
 *   expired that only a new request can replace.
 * - `degraded`: mounted, but its record is lost or damaged: not updated until it is mounted again. Or something on
 *   disk was changed, and only a new mount can repair it.
 */
export type VolumeState = 'ready' | 'stale' | 'degraded';

export type VolumeStatus = {
  /** For a degraded volume whose id is lost: `unknown:` and its directory name. */
  readonly volumeId: string;
  readonly namespace: string;
  readonly state: VolumeState;
  readonly generation: string | undefined;
  readonly definition: VolumeDefinition | undefined;
  readonly files: readonly FileSummary[];
  readonly publications: readonly RecordedPublication[];
  readonly lastError: string | undefined;
  /** Milliseconds since 1970 UTC, when this daemon first saw it not `ready`. */
  readonly problemSince: number | undefined;
  /** Milliseconds since 1970 UTC, of the first publication; undefined if an earlier version mounted it. */
  readonly mountedAt: number | undefined;
  /** Milliseconds since 1970 UTC, when the current generation was written. */
  readonly updatedAt: number | undefined;
  /** Milliseconds since 1970 UTC: the store is out of touch since then, and newer contents may exist. */
  readonly staleSince: number | undefined;
  readonly objects: readonly ObjectRevision[];
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  readonly podVolume: RecordedPodVolume | undefined;
};

/** `revision` is undefined for an optional object that does not exist. */
export type ObjectRevision = { readonly kind: string; readonly name: string; readonly revision: number | undefined };
