import type { Fault } from '../../base/errors.ts';
import { type Fields, faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { parseNamespace } from '../../objects/names.ts';
import { parseVolumeSource } from '../parse-volume-source.ts';
import { parseSubPath } from '../relative-path.ts';
import type { VolumeDefinition } from '../volume-spec.ts';
import { fieldsOfType } from './pod-fields.ts';
import { entriesOf, requiredText, textOf } from './pod-manifest.ts';

/** `other`: a volume type that Lantern does not provide, such as emptyDir. */
export type PodVolume = { readonly name: string } & VolumeSource;

type VolumeSource =
  | { readonly kind: 'projected'; readonly definition: VolumeDefinition }
  | { readonly kind: 'other'; readonly type: string };

type PodVolumes = {
  readonly good: readonly PodVolume[];
  /** Keyed by name. Includes faulty volumes, so that mounts of them are not reported too. */
  readonly kinds: VolumeKinds;
};

type VolumeKinds = ReadonlyMap<string, VolumeSource['kind'] | 'faulty'>;

/** Volume types that Lantern provides; `request` is its own. */
const PROJECTED_TYPES: readonly string[] = ['secret', 'configMap', 'downwardAPI', 'projected', 'request'];

/** All other types of the API. Any other word is a misspelling. */
const OTHER_TYPES: ReadonlySet<string> = new Set(
  [...fieldsOfType('Volume').keys()].filter((type) => type !== 'name' && !PROJECTED_TYPES.includes(type)),
);

/** The type of a volume that has only a name. */
const DEFAULT_TYPE = 'emptyDir';

/** Adds all faults except wrong types. */
export function readPodVolumes(list: unknown, faults: Fault[]): PodVolumes {
  const good: PodVolume[] = [];
  const kinds = new Map<string, VolumeSource['kind'] | 'faulty'>();
  for (const [raw, path] of entriesOf(list, 'spec.volumes')) {
    const name = requiredText(raw.name, `${path}.name`, parseNamespace, faults);
    const source = readSource(raw, path, faults);
    if (kinds.has(name)) faults.push({ field: `${path}.name`, message: 'must be unique' });
    if (name !== '') kinds.set(name, source?.kind ?? 'faulty');
    if (source !== undefined) good.push({ name, ...source });
  }
  return { good, kinds };
}

/** Undefined if it has faults. */
function readSource({ name: _, ...fields }: Fields, path: string, faults: Fault[]): VolumeSource | undefined {
  const types = Object.keys(fields).filter((type) => fields[type] !== null && fields[type] !== undefined);
  const [type = DEFAULT_TYPE, ...more] = types;
  if (more.length > 0 && types.some((each) => OTHER_TYPES.has(each))) {
    faults.push({ field: path, message: `must have exactly one source; ${types.join(' and ')} are there` });
    return undefined;
  }
  if (OTHER_TYPES.has(type)) return { kind: 'other', type };
  const spec = parseVolumeSource(fields, path);
  if (spec.ok) return { kind: 'projected', definition: { kind: 'inline', spec: spec.value } };
  faults.push(...spec.faults);
  return undefined;
}

export type VolumeMount = {
  readonly volumeName: string;
  /** Absolute and clean: no empty, `.` or `..` element. */
  readonly mountPath: string;
  /** As written. Lantern's volumes are read-only in any case. */
  readonly readOnly: boolean;
  /** An expression (`subPathExpr`) contains `$(VAR)`. Both kinds are parsed only after expansion. */
  readonly subPath: { readonly kind: 'path' | 'expression'; readonly text: string } | undefined;
};

/** Adds all faults except wrong types. */
export function readVolumeMounts(
  list: unknown,
  path: string,
  volumes: VolumeKinds,
  faults: Fault[],
): readonly VolumeMount[] {
  const mounts: VolumeMount[] = [];
  const projected: PlacedMount[] = [];
  const taken = new Set<string>();
  for (const [raw, at] of entriesOf(list, path)) {
    const volumeName = requiredText(raw.name, `${at}.name`, parsed, faults);
    const kind = volumes.get(volumeName);
    if (kind === undefined && typeof raw.name === 'string') {
      faults.push({ field: `${at}.name`, message: `there is no volume "${volumeName}"` });
    }
    const mountPath = requiredText(raw.mountPath, `${at}.mountPath`, parseMountPath, faults);
    if (taken.has(mountPath)) faults.push({ field: `${at}.mountPath`, message: 'must be unique' });
    if (mountPath !== '') taken.add(mountPath);
    const subPath = readSubPath(raw, at, kind === 'projected', faults);
    const mount = { volumeName, mountPath, readOnly: raw.readOnly === true, subPath };
    mounts.push(mount);
    if (kind === 'projected' && mountPath !== '') projected.push({ ...mount, path: at, prefix: `${mountPath}/` });
  }
  refuseNested(projected, faults);
  return mounts;
}

function readSubPath(raw: Fields, at: string, isProjected: boolean, faults: Fault[]): VolumeMount['subPath'] {
  const [path, expression] = [textOf(raw.subPath), textOf(raw.subPathExpr)];
  if (path !== '' && expression !== '') {
    faults.push({ field: `${at}.subPathExpr`, message: 'must not be there beside subPath' });
  }
  if (path === '' && expression === '') return undefined;
  const [kind, text, field] =
    path === '' ? (['expression', expression, 'subPathExpr'] as const) : (['path', path, 'subPath'] as const);
  // An expression must be a valid path even before expansion, as in Kubernetes.
  const result = isProjected ? parseSubPath(text, `${at}.${field}`) : parsed(text);
  if (!result.ok) faults.push(...result.faults);
  return { kind, text };
}

type PlacedMount = VolumeMount & { readonly path: string; readonly prefix: string };

/** Lantern's own limit: its mounts are read-only, so the directory for an inner mount cannot be created in one. */
function refuseNested(mounts: readonly PlacedMount[], faults: Fault[]): void {
  const sorted = mounts.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
  // In this order, everything below a path follows it immediately.
  let outer = sorted[0];
  for (const inner of sorted) {
    if (outer === undefined || inner.prefix === outer.prefix || !inner.prefix.startsWith(outer.prefix)) {
      outer = inner;
      continue;
    }
    const message = `must not lie in "${outer.mountPath}", where the volume "${outer.volumeName}" is mounted read-only; mount them beside each other, or make them one projected volume`;
    faults.push({ field: `${inner.path}.mountPath`, message });
  }
}

/** PATH_MAX without its NUL, and NAME_MAX. */
const MAX_BYTES = 4095;
const MAX_ELEMENT_BYTES = 255;
/** Lantern's own limit: each directory above is created and later removed by a walk from the top. */
const MAX_ELEMENTS = 100;

/** Cleans an absolute mountPath. Kubernetes forbids the colon, which separates paths in container runtimes' options. */
function parseMountPath(text: string, field: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field, message }]);
  if (text === '') return refuse('is required');
  if (text.includes('\0')) return refuse('must not contain a NUL byte');
  if (text.includes(':')) return refuse("must not contain ':'");
  if (!text.startsWith('/')) return refuse('must be an absolute path');
  if (Buffer.byteLength(text) > MAX_BYTES) return refuse(`must be no more than ${MAX_BYTES} bytes`);
  const given = text.split('/');
  if (given.includes('..')) return refuse("must not contain '..'");
  const elements: string[] = [];
  for (const element of given) {
    if (element === '' || element === '.') continue;
    if (elements.length === MAX_ELEMENTS) return refuse(`must be no more than ${MAX_ELEMENTS} directories deep`);
    if (Buffer.byteLength(element) > MAX_ELEMENT_BYTES) {
      return refuse(`each element must be no more than ${MAX_ELEMENT_BYTES} bytes`);
    }
    elements.push(element);
  }
  if (elements.length === 0) return refuse("must not be '/': it would hide the whole container");
  return parsed(`/${elements.join('/')}`);
}
