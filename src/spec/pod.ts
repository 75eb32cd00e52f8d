import { faulty, type Parsed } from '../base/parsed.ts';
import type { ContainerEnv } from './container-env.ts';
import type { PodPlacement } from './env-field.ts';
import type { PodFacts } from './pod-facts.ts';
import type { VolumeDefinition } from './volume-spec.ts';

/** A Pod manifest, as far as it is about volumes, environment and image pull secrets. */
export type Pod = {
  readonly namespace: string;
  /** Its name, uid, labels, annotations, account (`default` where it names none) and containers' resources. */
  readonly facts: PodFacts;
  readonly placement: PodPlacement;
  /** Undefined: as its account says. */
  readonly automountServiceAccountToken: boolean | undefined;
  readonly imagePullSecrets: readonly string[];
  /** securityContext.fsGroup. */
  readonly fsGroup: number | undefined;
  readonly volumes: readonly PodVolume[];
  /** In the manifest's order, init containers first. */
  readonly containers: readonly PodContainer[];
};

/** `other`: a kind of volume that is none of Lantern's business, such as emptyDir. */
export type PodVolume = { readonly name: string } & (
  | { readonly kind: 'projected'; readonly definition: VolumeDefinition }
  | { readonly kind: 'other'; readonly type: string }
);

export type PodContainer = {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly env: ContainerEnv;
  readonly mounts: readonly VolumeMount[];
};

export type VolumeMount = {
  readonly volumeName: string;
  /** Absolute and clean: no empty, `.` or `..` element. */
  readonly mountPath: string;
  /** As written; what volumes Lantern makes are read-only in any case. */
  readonly readOnly: boolean;
  /** `subPathExpr` has `$(VAR)` in it; neither is parsed yet, since an expression becomes a path only when expanded. */
  readonly subPath: { readonly kind: 'path' | 'expression'; readonly text: string } | undefined;
};

/** A Pod manifest as parsed YAML or JSON; every fault at once. A pod that names no namespace is in `defaultNamespace`. */
export function parsePod(_raw: unknown, _defaultNamespace: string): Parsed<Pod> {
  return faulty([{ field: '', message: 'pods are not read yet' }]);
}
