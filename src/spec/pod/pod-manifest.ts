import type { Fault } from '../../base/errors.ts';
import { type Fields, faulty, isFields, mapKey, type Parsed, parsed, wrongType } from '../../base/parsed.ts';
import {
  parseAnnotationKey,
  parseLabelKey,
  parseLabelValue,
  parseNamespace,
  parseObjectName,
} from '../../objects/names.ts';
import { DEFAULT_ACCOUNT, LAST_APPLIED } from '../../objects/object.ts';
import type { PodPlacement } from '../container-env.ts';
import type { PodFacts } from '../pod-facts.ts';
import { MAX_ID } from '../source-schemas.ts';
import { readResources } from './container-resources.ts';
import { withPodFieldFaults } from './pod-fields.ts';

export type PodManifest = {
  readonly namespace: string | undefined;
  /** The account is `default` if the manifest names none. */
  readonly facts: PodFacts;
  readonly placement: PodPlacement;
  /** Undefined if its account decides. */
  readonly automountServiceAccountToken: boolean | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly fsGroup: number | undefined;
  /** The user of all containers, ephemeral ones included; undefined if they differ or an image decides. */
  readonly commonUser: number | undefined;
  /** Init containers first. */
  readonly containers: readonly ListedContainer[];
};

/** `path` is the container's place in the manifest: `spec.containers[0]`. */
export type ListedContainer = {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly runAs: RunAs;
  readonly path: string;
  readonly raw: Fields;
};

/** The ids that a container runs as; undefined if its image decides. */
type RunAs = { readonly user: number | undefined; readonly group: number | undefined };

/** `raw` is parsed YAML or JSON. Returns all faults, with paths as Kubernetes prints them. */
export function parsePodManifest(raw: unknown): Parsed<PodManifest> {
  if (!isFields(raw)) return faulty([{ field: '', message: wrongType('a mapping', raw) }]);
  const own: Fault[] = [];
  const manifest = readPodManifest(raw, own);
  const faults = withPodFieldFaults(raw, own);
  return faults.length > 0 ? faulty(faults) : parsed(manifest);
}

// The readers below treat a field of the wrong type as absent: `checkPodFields` reports the types of all fields.

/** Adds all faults except wrong types. */
export function readPodManifest(raw: Fields, faults: Fault[]): PodManifest {
  for (const [field, wanted] of Object.entries({ apiVersion: 'v1', kind: 'Pod' })) {
    if (raw[field] === wanted) continue;
    faults.push({ field, message: raw[field] === undefined ? 'is required' : `must be "${wanted}"` });
  }
  const [metadata, spec, status] = [fieldsOf(raw.metadata), fieldsOf(raw.spec), fieldsOf(raw.status)];
  const { containers: required = null } = spec;
  if (required === null || (Array.isArray(required) && required.length === 0)) {
    faults.push({ field: raw.spec === undefined ? 'spec' : 'spec.containers', message: 'is required' });
  }
  const name = requiredText(metadata.name, 'metadata.name', parseObjectName, faults);
  const namespace = optionalText(metadata.namespace, 'metadata.namespace', parseNamespace, faults) || undefined;
  const imagePullSecrets: string[] = [];
  for (const [secret, path] of entriesOf(spec.imagePullSecrets, 'spec.imagePullSecrets')) {
    imagePullSecrets.push(requiredText(secret.name, `${path}.name`, parseObjectName, faults));
  }
  const context = fieldsOf(spec.securityContext);
  const runAs = readRunAs(context, 'spec.securityContext', NO_IDS, faults);
  const containers = readContainers(spec, runAs, faults);
  const users = new Set(containers.map((container) => container.runAs.user));
  for (const [container, path] of entriesOf(spec.ephemeralContainers, 'spec.ephemeralContainers')) {
    users.add(readRunAs(fieldsOf(container.securityContext), `${path}.securityContext`, runAs, faults).user);
  }
  const account =
    optionalText(spec.serviceAccountName, 'spec.serviceAccountName', parseObjectName, faults) ||
    optionalText(spec.serviceAccount, 'spec.serviceAccount', parseObjectName, faults);
  return {
    namespace,
    facts: {
      name,
      uid: textOf(metadata.uid),
      labels: readTexts(metadata.labels, 'metadata.labels', { key: parseLabelKey, value: parseLabelValue }, faults),
      annotations: readTexts(metadata.annotations, 'metadata.annotations', { key: parseAnnotationKey }, faults),
      serviceAccountName: account || DEFAULT_ACCOUNT,
      containers: containers.map(({ name, limits, requests }) => ({ name, limits, requests })),
    },
    placement: {
      nodeName: textOf(spec.nodeName),
      hostIPs: addressesIn(status.hostIPs, status.hostIP),
      podIPs: addressesIn(status.podIPs, status.podIP),
    },
    automountServiceAccountToken:
      typeof spec.automountServiceAccountToken === 'boolean' ? spec.automountServiceAccountToken : undefined,
    imagePullSecrets,
    fsGroup: readId(context.fsGroup, 'spec.securityContext.fsGroup', faults),
    commonUser: users.size === 1 ? [...users][0] : undefined,
    containers,
  };
}

/** In the order in which the containers start. */
export const CONTAINER_LISTS = ['initContainers', 'containers'] as const;

function readContainers(spec: Fields, podRunsAs: RunAs, faults: Fault[]) {
  const containers: (ListedContainer & ReturnType<typeof readResources>)[] = [];
  const names = new Set<string>();
  for (const list of CONTAINER_LISTS) {
    for (const [raw, path] of entriesOf(spec[list], `spec.${list}`)) {
      const name = requiredText(raw.name, `${path}.name`, parseNamespace, faults);
      // Both lists share one set of names.
      if (name !== '' && names.has(name)) faults.push({ field: `${path}.name`, message: 'must be unique' });
      names.add(name);
      containers.push({
        name,
        image: requiredText(raw.image, `${path}.image`, parseImage, faults),
        isInit: list === 'initContainers',
        runAs: readRunAs(fieldsOf(raw.securityContext), `${path}.securityContext`, podRunsAs, faults),
        ...readResources(raw.resources, `${path}.resources`, faults),
        path,
        raw,
      });
    }
  }
  return containers;
}

function parseImage(text: string, field: string): Parsed<string> {
  if (text === '') return faulty([{ field, message: 'is required' }]);
  return text === text.trim() ? parsed(text) : faulty([{ field, message: 'must not begin or end with a blank' }]);
}

const NO_IDS: RunAs = { user: undefined, group: undefined };

function readRunAs(securityContext: Fields, path: string, otherwise: RunAs, faults: Fault[]): RunAs {
  return {
    user: readId(securityContext.runAsUser, `${path}.runAsUser`, faults) ?? otherwise.user,
    group: readId(securityContext.runAsGroup, `${path}.runAsGroup`, faults) ?? otherwise.group,
  };
}

function readId(value: unknown, path: string, faults: Fault[]): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  if (value < 0 || value > MAX_ID) {
    faults.push({ field: path, message: `must be between 0 and ${MAX_ID}, inclusive` });
  }
  return Number(value);
}

/** Newer manifests have the list, older ones the single address. */
function addressesIn(list: unknown, single: unknown): readonly string[] {
  const addresses = (Array.isArray(list) ? list : []).map((entry) => textOf(fieldsOf(entry).ip));
  return addresses.length > 0 ? addresses : [textOf(single)].filter(Boolean);
}

/** Reads a mapping of texts; null is an empty text. kubectl's copy of the manifest is dropped. */
function readTexts(
  raw: unknown,
  path: string,
  parse: { readonly key: TextParser; readonly value?: TextParser },
  faults: Fault[],
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(fieldsOf(raw))) {
    const field = mapKey(path, key);
    for (const result of [parse.key(key, field), parse.value?.(textOf(value), field)]) {
      if (result?.ok === false) faults.push(...result.faults);
    }
    if (key !== LAST_APPLIED) texts.set(key, textOf(value));
  }
  return texts;
}

type TextParser = (text: string, field: string) => Parsed<string>;

/** Reports a missing text. Returns an empty string if the value has another type. */
export function requiredText(value: unknown, path: string, parse: TextParser, faults: Fault[]): string {
  if (value === undefined || value === null) faults.push({ field: path, message: 'is required' });
  if (typeof value !== 'string') return '';
  const result = parse(value, path);
  if (!result.ok) faults.push(...result.faults);
  return result.ok ? result.value : value;
}

function optionalText(value: unknown, path: string, parse: TextParser, faults: Fault[]): string {
  return textOf(value) === '' ? '' : requiredText(value, path, parse, faults);
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The mappings in a list, with their paths. Null is an empty mapping, as in Kubernetes. */
export function* entriesOf(list: unknown, path: string): Generator<readonly [entry: Fields, path: string], void> {
  if (!Array.isArray(list)) return;
  for (const [index, entry] of list.entries()) {
    if (entry === null || isFields(entry)) yield [entry ?? {}, `${path}[${index}]`];
  }
}
