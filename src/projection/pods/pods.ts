import type { EnvVariable } from '../../payload/environment.ts';
import type { HeldToken, Notice } from '../../payload/payload.ts';
import type { RegistryCredential } from '../../payload/registry-credentials.ts';
import type { Pod } from '../../spec/pod/pod.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { VolumeStatus } from '../projector.ts';

/** Whole pods, mounted below a root directory as by a kubelet. */
export interface Pods {
  /**
   * Mounts every volume that a container mounts at `<root>/<container>/<mountPath>`, and resolves environments and
   * credentials. A failure leaves everything as it was. Errors as for `Projector.publish`, and `permission-denied` for
   * a Secret that the pod's account does not allow.
   *
   * A repeat for the same pod and root refreshes contents, adds new mounts, and at the end removes mounts that the
   * named containers no longer have. A mount that differs (another volume or subPath) is refused. While it waits for
   * objects nothing is mounted, and other calls for the pod are served.
   */
  mount(request: PodRequest, signal: AbortSignal): Promise<MountedPod>;
  /** Unmounts the pod at one root or at all, and removes its empty directories. An unmounted pod is not an error. */
  unmount(request: PodUnmount, signal: AbortSignal): Promise<void>;
  /** In order of namespace, name and root. */
  list(): readonly PodStatus[];
}

export type PodRequest = {
  readonly pod: Pod;
  /** Absolute; its parent exists. It is created, and removed with the last mount in it. */
  readonly root: string;
  /** Only these; all if empty. `invalid-argument` for an unknown one. */
  readonly containers: readonly string[];
  /** Keeps trying until the signal aborts while an object or a key is missing. */
  readonly waitForObjects: boolean;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
  /** Everybody may read directories and tokens. */
  readonly open: boolean;
  /** The user that the containers run as; overrides the manifest. */
  readonly runAsUser: number | undefined;
};

export type PodUnmount = {
  readonly namespace: string;
  readonly name: string;
  /** All roots if undefined. */
  readonly root: string | undefined;
};

export type MountedPod = {
  readonly status: PodStatus;
  /** In the manifest's order, init containers first. */
  readonly containers: readonly MountedContainer[];
  readonly notices: readonly Notice[];
};

/** Variables and credentials are SECRET. */
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
  /** Absolute, in the container. */
  readonly mountPath: string;
  /** On the host. */
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

export type PodVolumeStatus = Pick<VolumeStatus, 'volumeId' | 'state' | 'lastError' | 'publications'> & {
  readonly name: string;
};
