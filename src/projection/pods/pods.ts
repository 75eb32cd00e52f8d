import type { EnvVariable } from '../../payload/environment.ts';
import type { Notice } from '../../payload/payload.ts';
import type { RegistryCredential } from '../../payload/registry-credentials.ts';
import type { HeldToken } from '../../payload/render-inputs.ts';
import type { Pod } from '../../spec/pod/pod.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { RecordedPublication } from '../../volume/record.ts';
import type { VolumeState } from '../projector.ts';

/** Whole pods, mounted below a root directory as a kubelet would. */
export interface Pods {
  /**
   * Mounts every volume that a container mounts at `<root>/<container>/<mountPath>`, and resolves environments and
   * credentials. Of a pod that fails nothing is left that was not there before, and what was there is as it was. Errors as
   * `Projector.publish`, and `permission-denied` for a Secret that the pod's account withholds.
   *
   * Again for the same pod and root: contents are refreshed, new mounts are added, and mounts that the containers asked
   * for no longer have are taken away at the end. A mount of which something else is asked now (another volume or subPath)
   * is refused. While it waits for objects nothing is mounted, and other calls for the pod get their turn.
   */
  mount(request: PodRequest, signal: AbortSignal): Promise<MountedPod>;
  /**
   * Takes everything of the pod away, at one root or at all, and the directories it was in as far as they are empty. What
   * is not mounted is fine.
   */
  unmount(request: PodUnmount, signal: AbortSignal): Promise<void>;
  /** In order of namespace, name and root. */
  list(): readonly PodStatus[];
}

export type PodRequest = {
  readonly pod: Pod;
  /** Absolute; its parent exists. It is made, and removed with the last mount in it. */
  readonly root: string;
  /** Only these; all where empty. `invalid-argument` for one that the pod has not. */
  readonly containers: readonly string[];
  /** Keep trying until the signal aborts while an object or a key is missing. */
  readonly waitForObjects: boolean;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
  /** Directories and tokens are for everybody; see `directoryAccess` and `withTokenOwner`. */
  readonly open: boolean;
  /** Whom the containers run as, whatever the manifest says. */
  readonly runAsUser: number | undefined;
};

export type PodUnmount = {
  readonly namespace: string;
  readonly name: string;
  /** All roots where undefined. */
  readonly root: string | undefined;
};

export type MountedPod = {
  readonly status: PodStatus;
  /** In the manifest's order, init containers first. */
  readonly containers: readonly MountedContainer[];
  readonly notices: readonly Notice[];
};

/** What one container gets. Variables and credentials are SECRET. */
export type MountedContainer = {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly environment: readonly EnvVariable[];
  readonly credentials: readonly RegistryCredential[];
  readonly mounts: readonly ContainerMount[];
};

export type ContainerMount = {
  readonly volumeName: string;
  /** Where the container expects it; absolute. */
  readonly mountPath: string;
  /** Where it is. */
  readonly target: string;
  readonly subPath: RelativePath | undefined;
};

export type PodStatus = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly root: string;
  readonly volumes: readonly PodVolumeStatus[];
};

export type PodVolumeStatus = {
  readonly name: string;
  readonly volumeId: string;
  readonly state: VolumeState;
  readonly lastError: string | undefined;
  readonly publications: readonly RecordedPublication[];
};
