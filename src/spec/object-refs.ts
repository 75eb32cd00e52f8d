import { DEFAULT_ACCOUNT } from '../objects/default-account.ts';
import { type ObjectRef, refKey } from '../objects/object.ts';
import type { ContainerEnv } from './container-env.ts';
import type { PodFacts } from './pod-facts.ts';
import type { VolumeSpec } from './volume-spec.ts';

/** An object that a volume is rendered from. */
export type NeededObject = {
  readonly ref: ObjectRef /** Whether the volume can do without. */;
  readonly optional: boolean;
};

/** The objects a spec reads, each once, in order of first use; optional only where every use of it is. */
export function objectRefsOf(spec: VolumeSpec, namespace: string): NeededObject[] {
  return eachOnce(
    spec.sources.flatMap((source) => {
      if (source.kind !== 'secret' && source.kind !== 'configMap') return [];
      const kind = source.kind === 'secret' ? 'Secret' : 'ConfigMap';
      return [{ ref: { kind, namespace, name: source.name }, optional: source.optional }];
    }),
  );
}

/** The account that a volume's tokens speak for: the pod's, or `default`, which exists always. */
export function accountRefOf(pod: Pick<PodFacts, 'serviceAccountName'> | undefined, namespace: string): ObjectRef {
  return { kind: 'ServiceAccount', namespace, name: pod?.serviceAccountName || DEFAULT_ACCOUNT };
}

/** As `objectRefsOf`, for a container's variables. */
export function environmentRefsOf({ envFrom, env }: ContainerEnv, namespace: string): NeededObject[] {
  return eachOnce([
    ...envFrom.map(({ kind, name, optional }): NeededObject => ({ ref: { kind, namespace, name }, optional })),
    ...env.flatMap(({ value }): NeededObject[] => {
      if (value.kind !== 'key') return [];
      return [{ ref: { kind: value.object, namespace, name: value.name }, optional: value.optional }];
    }),
  ]);
}

function eachOnce(uses: readonly NeededObject[]): NeededObject[] {
  const needed = new Map<string, NeededObject>();
  for (const { ref, optional } of uses) {
    const before = needed.get(refKey(ref));
    needed.set(refKey(ref), { ref, optional: optional && (before?.optional ?? true) });
  }
  return [...needed.values()];
}
