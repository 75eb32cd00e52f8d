import { type ObjectRef, refKey } from '../objects/object.ts';
import type { VolumeSpec } from './volume-spec.ts';

/** An object that a volume is rendered from. */
export type NeededObject = {
  readonly ref: ObjectRef /** Whether the volume can do without. */;
  readonly optional: boolean;
};

/** The objects a spec reads, each once, in order of first use; optional only where every use of it is. */
export function objectRefsOf(spec: VolumeSpec, namespace: string): NeededObject[] {
  const needed = new Map<string, NeededObject>();
  for (const source of spec.sources) {
    if (source.kind !== 'secret' && source.kind !== 'configMap') continue;
    const kind = source.kind === 'secret' ? 'Secret' : 'ConfigMap';
    const ref: ObjectRef = { kind, namespace, name: source.name };
    const before = needed.get(refKey(ref));
    needed.set(refKey(ref), { ref, optional: source.optional && (before?.optional ?? true) });
  }
  return [...needed.values()];
}
