import { z } from 'zod';
import type { Fault } from '../base/errors.ts';
import { parseBy } from '../base/parsed.ts';
import { through } from '../base/schemas.ts';

import { parseNamespace as parseLabel } from '../objects/names.ts';
import { parseVolumeSource } from './parse-volume-source.ts';
import { fieldsOfType } from './pod-fields.ts';
import { type Entry, fieldsOf } from './pod-manifest.ts';
import type { VolumeDefinition } from './volume-spec.ts';

/** `other`: a kind of volume that is none of Lantern's business, such as emptyDir. */
export type PodVolume = { readonly name: string } & (
  | { readonly kind: 'projected'; readonly definition: VolumeDefinition }
  | { readonly kind: 'other'; readonly type: string }
);

/** The volumes of a pod, as far as they are good, and what is wrong with the rest. */
export type PodVolumes = {
  readonly volumes: readonly PodVolume[];
  /** By name. Those that are not good are here too: whoever mounts them is not at fault. */
  readonly kinds: ReadonlyMap<string, PodVolume['kind'] | 'faulty'>;
  readonly faults: readonly Fault[];
};

/** What Lantern makes of a pod's volumes, by their types; `request` is its own. */
const PROJECTED_TYPES: readonly string[] = ['secret', 'configMap', 'downwardAPI', 'projected', 'request'];

/** Every other type that the API has; anything else is a misspelling. */
const OTHER_TYPES: ReadonlySet<string> = new Set(
  [...fieldsOfType('Volume').keys()].filter((type) => type !== 'name' && !PROJECTED_TYPES.includes(type)),
);

/** What Kubernetes makes of a volume that says nothing but its name. */
const DEFAULT_TYPE = 'emptyDir';

const named = z.looseObject({ name: through(z.string(), parseLabel) });

export function readPodVolumes(entries: readonly Entry[]): PodVolumes {
  const volumes: PodVolume[] = [];
  const kinds = new Map<string, PodVolume['kind'] | 'faulty'>();
  const faults: Fault[][] = [];
  for (const { raw, path } of entries) {
    const head = parseBy(named, raw, path);
    const source = readSource(raw, path);
    faults.push([...(head.ok ? [] : head.faults), ...('faults' in source ? source.faults : [])]);
    if (!head.ok) continue;
    const { name } = head.value;
    if (kinds.has(name)) faults.push([{ field: `${path}.name`, message: 'must be unique' }]);
    kinds.set(name, 'faults' in source ? 'faulty' : source.kind);
    if (!('faults' in source)) volumes.push({ name, ...source });
  }
  return { volumes, kinds, faults: faults.flat() };
}

type VolumeSource =
  | { readonly kind: 'projected'; readonly definition: VolumeDefinition }
  | { readonly kind: 'other'; readonly type: string };

function readSource(raw: unknown, path: string): VolumeSource | { readonly faults: readonly Fault[] } {
  const { name: _, ...fields } = fieldsOf(raw);
  const types = Object.keys(fields).filter((type) => fields[type] !== null && fields[type] !== undefined);
  const [type = DEFAULT_TYPE, ...more] = types;
  if (more.length > 0 && types.some((each) => OTHER_TYPES.has(each))) {
    return { faults: [{ field: path, message: `must have exactly one source; ${types.join(' and ')} are there` }] };
  }
  if (OTHER_TYPES.has(type)) return { kind: 'other', type };
  const spec = parseVolumeSource(fields, path);
  return spec.ok ? { kind: 'projected', definition: { kind: 'inline', spec: spec.value } } : { faults: spec.faults };
}
