import { z } from 'zod';
import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parseBy, parsed } from '../../base/parsed.ts';
import { optional, text, through } from '../../base/schemas.ts';
import { parseNamespace as parseLabel } from '../../objects/names.ts';
import { parseVolumeSource } from '../parse-volume-source.ts';
import { parseSubPath } from '../relative-path.ts';
import type { VolumeDefinition } from '../volume-spec.ts';
import { fieldsOfType } from './pod-fields.ts';
import { type Entry, fieldsOf } from './pod-manifest.ts';

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

export type VolumeMount = {
  readonly volumeName: string;
  /** Absolute and clean: no empty, `.` or `..` element. */
  readonly mountPath: string;
  /** As written; what volumes Lantern makes are read-only in any case. */
  readonly readOnly: boolean;
  /** `subPathExpr` has `$(VAR)` in it; neither is parsed yet, since an expression becomes a path only when expanded. */
  readonly subPath: { readonly kind: 'path' | 'expression'; readonly text: string } | undefined;
};

/** A misspelt subPath would mount the whole volume: nothing unknown is let pass. */
const volumeMount = z.strictObject({
  name: z.string(),
  mountPath: through(z.string(), parseMountPath),
  readOnly: optional(z.boolean()),
  subPath: text,
  subPathExpr: text,
  // About mounts made by the container, or below a mount: there are none in what Lantern makes.
  mountPropagation: optional(z.unknown()),
  recursiveReadOnly: optional(z.unknown()),
});

/** A container's volumeMounts, as far as they are good, and what is wrong with the rest. */
export function readVolumeMounts(
  raw: unknown,
  path: string,
  volumes: PodVolumes,
): { readonly mounts: readonly VolumeMount[]; readonly faults: readonly Fault[] } {
  const list = parseBy(optional(z.array(z.unknown())), raw, path);
  if (!list.ok) return { mounts: [], faults: list.faults };
  const faults: (readonly Fault[])[] = [];
  const placed: Placed[] = [];
  for (const [index, entry] of (list.value ?? []).entries()) {
    const at = `${path}[${index}]`;
    const shape = parseBy(volumeMount, entry, at);
    if (!shape.ok) {
      faults.push(shape.faults);
      continue;
    }
    const { name, mountPath, readOnly, subPath, subPathExpr } = shape.value;
    const kind = volumes.kinds.get(name);
    if (kind === undefined) faults.push([{ field: `${at}.name`, message: `there is no volume "${name}"` }]);
    if (subPath !== '' && subPathExpr !== '') {
      faults.push([{ field: `${at}.subPathExpr`, message: 'must not be there beside subPath' }]);
    }
    const mount = {
      volumeName: name,
      mountPath,
      readOnly: readOnly ?? false,
      subPath: subPathOf(subPath, subPathExpr),
    };
    if (kind === 'projected') faults.push(subPathFaults(mount, at));
    placed.push({ mount, path: at, isProjected: kind === 'projected' });
  }
  return { mounts: placed.map(({ mount }) => mount), faults: [...faults.flat(), ...placeFaults(placed)] };
}

type Placed = { readonly mount: VolumeMount; readonly path: string; readonly isProjected: boolean };

function subPathOf(path: string, expression: string): VolumeMount['subPath'] {
  if (path !== '') return { kind: 'path', text: path };
  return expression === '' ? undefined : { kind: 'expression', text: expression };
}

/** An expression must be a path as it is written already, as in Kubernetes; variables cannot stand for more than names. */
function subPathFaults({ subPath }: VolumeMount, at: string): readonly Fault[] {
  if (subPath === undefined) return [];
  const result = parseSubPath(subPath.text, `${at}.${subPath.kind === 'path' ? 'subPath' : 'subPathExpr'}`);
  return result.ok ? [] : result.faults;
}

/**
 * Two mounts at one place; and, a limit of Lantern's own, one inside another: what it mounts is read-only, so that no
 * place for the inner one can be made in it.
 */
function placeFaults(placed: readonly Placed[]): readonly Fault[] {
  const taken = new Set<string>();
  const faults: Fault[] = [];
  for (const { mount, path } of placed) {
    if (taken.has(mount.mountPath)) faults.push({ field: `${path}.mountPath`, message: 'must be unique' });
    taken.add(mount.mountPath);
  }
  const sorted = placed
    .filter(({ isProjected }) => isProjected)
    .map(({ mount, path }) => ({ ...mount, path, prefix: `${mount.mountPath}/` }))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  // What lies below a path comes right after it in this order.
  let outer = sorted[0];
  for (const inner of sorted) {
    if (outer === undefined || inner.prefix === outer.prefix || !inner.prefix.startsWith(outer.prefix)) {
      outer = inner;
      continue;
    }
    const message = `must not lie in "${outer.mountPath}", where the volume "${outer.volumeName}" is mounted read-only; mount them beside each other, or make them one projected volume`;
    faults.push({ field: `${inner.path}.mountPath`, message });
  }
  return faults;
}

/** PATH_MAX without its NUL, and NAME_MAX. */
const MAX_BYTES = 4095;
const MAX_ELEMENT_BYTES = 255;
/** Lantern's own: each directory on the way is made, and later removed, by a walk from the top. */
const MAX_ELEMENTS = 100;

/**
 * A container's mountPath, as it is used: absolute, without empty and `.` elements. `..` is refused rather than resolved,
 * and so is `/` itself. Kubernetes forbids the colon, which separates paths in the options of container runtimes.
 */
function parseMountPath(text: string, field: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field, message }]);
  if (text === '') return refuse('is required');
  if (text.includes('\0')) return refuse('must not contain a NUL byte');
  if (text.includes(':')) return refuse("must not contain ':'");
  if (!text.startsWith('/')) return refuse('must be an absolute path');
  if (Buffer.byteLength(text) > MAX_BYTES) return refuse(`must be no more than ${MAX_BYTES} bytes`);
  const given = text.split('/');
  if (given.includes('..')) return refuse("must not contain '..'");
  const elements = given.filter((element) => element !== '' && element !== '.');
  if (elements.length === 0) return refuse("must not be '/': it would hide the whole container");
  if (elements.length > MAX_ELEMENTS) return refuse(`must be no more than ${MAX_ELEMENTS} directories deep`);
  if (elements.some((element) => Buffer.byteLength(element) > MAX_ELEMENT_BYTES)) {
    return refuse(`each element must be no more than ${MAX_ELEMENT_BYTES} bytes`);
  }
  return parsed(`/${elements.join('/')}`);
}
