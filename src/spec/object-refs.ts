import { DEFAULT_ACCOUNT, type ObjectRef, refKey } from '../objects/object.ts';
import type { ContainerEnv } from './container-env.ts';
import type { PodFacts } from './pod-facts.ts';
import type { ObjectSource, VolumeSpec } from './volume-spec.ts';

export type NeededObject = { readonly ref: ObjectRef; readonly optional: boolean };

/** The objects of a spec, each once, in order of first use. An object is optional only if all its uses are. */
export function objectRefsOf(spec: VolumeSpec, namespace: string): NeededObject[] {
  const needed = new Map<string, NeededObject>();
  for (const source of spec.sources) {
    if (source.kind === 'secret' || source.kind === 'configMap') {
      addNeeded(needed, sourceRefOf(source, namespace), source.optional);
    }
  }
  return [...needed.values()];
}

/** `objectRefsOf` for a container's variables. */
export function environmentRefsOf({ envFrom, env }: ContainerEnv, namespace: string): NeededObject[] {
  const needed = new Map<string, NeededObject>();
  for (const { kind, name, optional } of envFrom) addNeeded(needed, { kind, namespace, name }, optional);
  for (const { value } of env) {
    if (value.kind !== 'key') continue;
    addNeeded(needed, { kind: value.object, namespace, name: value.name }, value.optional);
  }
  return [...needed.values()];
}

export function sourceRefOf({ kind, name }: ObjectSource, namespace: string): ObjectRef {
  return { kind: kind === 'secret' ? 'Secret' : 'ConfigMap', namespace, name };
}

/** The account of a volume's tokens: the pod's, or `default`, which always exists. */
export function accountRefOf(pod: Pick<PodFacts, 'serviceAccountName'> | undefined, namespace: string): ObjectRef {
  return { kind: 'ServiceAccount', namespace, name: pod?.serviceAccountName || DEFAULT_ACCOUNT };
}

function addNeeded(needed: Map<string, NeededObject>, ref: ObjectRef, optional: boolean): void {
  const key = refKey(ref);
  const before = needed.get(key);
  needed.set(key, { ref, optional: optional && (before?.optional ?? true) });
}
