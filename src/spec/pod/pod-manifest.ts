import { z } from 'zod';
import { faulty, field, isFields, type Parsed, parseBy, parsed } from '../../base/parsed.ts';
import { flag, optional, text, through } from '../../base/schemas.ts';
import { DEFAULT_ACCOUNT } from '../../objects/default-account.ts';
import { parseNamespace as parseLabel, parseLabelKey, parseNamespace, parseObjectName } from '../../objects/names.ts';
import { annotations, labels, objectName as name } from '../../objects/object-schema.ts';
import type { PodPlacement } from '../container-env.ts';
import { type PodFacts, quantities } from '../pod-facts.ts';
import { compareQuantities, isMultiple, ONE, parseQuantity, type Quantity, ZERO } from '../quantity.ts';
import { withPodFieldFaults } from './pod-fields.ts';

/** What a Pod manifest says of the pod as a whole; its volumes and what its containers want of them are not read here. */
type PodManifest = {
  /** Undefined where the manifest names none. */
  readonly namespace: string | undefined;
  /** The account is `default` where it names none. */
  readonly facts: PodFacts;
  readonly placement: PodPlacement;
  readonly automountServiceAccountToken: boolean | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly fsGroup: number | undefined;
  /** See `Pod`. */
  readonly commonUser: number | undefined;
  /** Init containers first. */
  readonly containers: readonly ListedContainer[];
};

/** A container as it stands in the manifest, and where. */
type ListedContainer = {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly runAs: RunAs;
  /** `spec.containers[0]` */
  readonly path: string;
  readonly raw: unknown;
};

/** Whom a container runs as, as far as the manifest says: undefined is as its image says. */
export type RunAs = { readonly user: number | undefined; readonly group: number | undefined };

/** The two lists of containers, in the order that they start in. */
const CONTAINER_LISTS = ['initContainers', 'containers'] as const;
type PodList = (typeof CONTAINER_LISTS)[number] | 'volumes';

/** Kubernetes' limit for a group. */
const MAX_GROUP = 2 ** 31 - 1;
const groupRule = `must be between 0 and ${MAX_GROUP}, inclusive`;

const group = optional(z.int().min(0, groupRule).max(MAX_GROUP, groupRule));

const namespace = through(text, (value, path): Parsed<string | undefined> => {
  return value === '' ? parsed(undefined) : parseNamespace(value, path);
});
const account = through(text, (value, path) => (value === '' ? parsed('') : parseObjectName(value, path)));
const addresses = optional(z.array(z.looseObject({ ip: z.string() }))).transform((list) => list ?? []);

const runAs = { runAsUser: group, runAsGroup: group };
const securityContext = optional(z.looseObject(runAs));

type Amounts = ReadonlyMap<string, string>;
type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

/** What a container asks for, judged as an API server does it (`ValidateContainerResourceRequirements` of its validation). */
const resources = optional(
  z.looseObject({ limits: quantities, requests: quantities }).check((context) => {
    for (const { path, message } of issuesOf(context.value)) {
      context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
    }
  }),
);

function issuesOf({ limits, requests }: { readonly limits: Amounts; readonly requests: Amounts }): Issue[] {
  const names = new Set([...limits.keys(), ...requests.keys()]);
  const issues = [
    ...[...limits].flatMap(([name, text]) => amountIssues(name, text, ['limits', Symbol(name)])),
    ...[...requests].flatMap(([name, text]) => amountIssues(name, text, ['requests', Symbol(name)])),
    ...[...requests].flatMap(([name, text]) => requestIssues(name, text, limits)),
  ];
  if ([...names].some(isHugePage) && !names.has('cpu') && !names.has('memory')) {
    issues.push({ path: [], message: 'must have cpu or memory beside huge pages' });
  }
  return issues;
}

function amountIssues(name: string, text: string, path: readonly PropertyKey[]): Issue[] {
  const amount = amountOf(text);
  const messages = [
    ...(isResourceName(name) ? [] : [NAME_RULE]),
    ...(compareQuantities(amount, ZERO) < 0 ? ['must not be negative'] : []),
    ...(isExtended(name) && !isMultiple(amount, ONE) ? ['must be a whole number'] : []),
    ...(isHugePage(name) && !isMultiple(amount, pageSizeOf(name)) ? [`must be a multiple of ${sizeText(name)}`] : []),
  ];
  return messages.map((message) => ({ path, message }));
}

const NAME_RULE = 'must be cpu, memory, ephemeral-storage, hugepages-SIZE or a name such as example.com/device';

function requestIssues(name: string, text: string, limits: Amounts): Issue[] {
  const path = ['requests', Symbol(name)];
  const limit = limits.get(name);
  const isShared = !isHugePage(name) && isNative(name);
  if (limit === undefined)
    return isShared ? [] : [{ path, message: 'must have a limit beside it, of the same amount' }];
  const order = compareQuantities(amountOf(text), amountOf(limit));
  if (!isShared && order !== 0) return [{ path, message: `must be the limit, ${limit}` }];
  return order > 0 ? [{ path, message: `must not be more than the limit, ${limit}` }] : [];
}

/** Only what was parsed gets here. */
function amountOf(text: string): Quantity {
  const amount = parseQuantity(text, '');
  return amount.ok ? amount.value : ZERO;
}

function isResourceName(name: string): boolean {
  if (!parseLabelKey(name, '').ok) return false;
  if (!name.includes('/')) return ['cpu', 'memory', 'ephemeral-storage'].includes(name) || isHugePage(name);
  return isNative(name) || isExtended(name);
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Of a device plugin's; with a prefix for quotas it must be a name still. */
function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && parseLabelKey(`requests.${name}`, '').ok;
}

const HUGE_PAGES = 'hugepages-';

function isHugePage(name: string): boolean {
  return name.startsWith(HUGE_PAGES);
}

function sizeText(name: string): string {
  return name.slice(HUGE_PAGES.length);
}

/** Zero where the name says no size: nothing is a multiple of it. */
function pageSizeOf(name: string): Quantity {
  return amountOf(sizeText(name));
}

const container = z.looseObject({
  name: through(z.string(), parseLabel),
  image: z.string().min(1, 'is required').refine(isTrimmed, 'must not begin or end with a blank'),
  resources,
  securityContext,
});
const initContainers = optional(z.array(container)).transform((list) => list ?? []);
const containers = z.array(container).min(1, 'is required');

/** What is not named here is the business of whoever runs the pod; `pod-fields.ts` knows its names and types. */
const manifest = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata: z.looseObject({ name, namespace, uid: text, labels, annotations }),
  spec: z.looseObject({
    nodeName: text,
    serviceAccountName: account,
    serviceAccount: account,
    automountServiceAccountToken: flag,
    imagePullSecrets: optional(z.array(z.looseObject({ name }))),
    securityContext: optional(z.looseObject({ fsGroup: group, ...runAs })),
    volumes: optional(z.array(z.unknown())),
    initContainers,
    containers,
    ephemeralContainers: optional(z.array(z.looseObject({ securityContext }))),
  }),
  status: optional(z.looseObject({ hostIP: text, hostIPs: addresses, podIP: text, podIPs: addresses })),
});

/** `raw` is parsed YAML or JSON. Every fault at once, with its path as Kubernetes prints it. */
export function parsePodManifest(raw: unknown): Parsed<PodManifest> {
  const result = readPodManifest(raw);
  const faults = withPodFieldFaults(raw, result.ok ? [] : result.faults);
  return faults.length > 0 ? faulty(faults) : result;
}

/** As `parsePodManifest`, without a look at fields that nobody here knows. */
export function readPodManifest(raw: unknown): Parsed<PodManifest> {
  const result = parseBy(manifest, raw);
  if (!result.ok) return result;
  const { metadata, spec, status } = result.value;
  const listed = CONTAINER_LISTS.flatMap((list) => {
    return spec[list].map((own, index) => ({ ...own, list, path: field('spec', list, index) }));
  });
  const raws = listContainers(raw);
  const runAsOf = (own: SecurityContext): RunAs => ({
    user: own?.runAsUser ?? spec.securityContext?.runAsUser,
    group: own?.runAsGroup ?? spec.securityContext?.runAsGroup,
  });
  const all = [...listed, ...(spec.ephemeralContainers ?? [])];
  return parsed({
    namespace: metadata.namespace,
    facts: {
      name: metadata.name,
      uid: metadata.uid,
      labels: metadata.labels,
      annotations: metadata.annotations,
      serviceAccountName: spec.serviceAccountName || spec.serviceAccount || DEFAULT_ACCOUNT,
      containers: listed.map(({ name, resources }) => ({
        name,
        limits: resources?.limits ?? new Map(),
        requests: resources?.requests ?? new Map(),
      })),
    },
    placement: {
      nodeName: spec.nodeName ?? '',
      hostIPs: addressesOf(status?.hostIP, status?.hostIPs),
      podIPs: addressesOf(status?.podIP, status?.podIPs),
    },
    automountServiceAccountToken: spec.automountServiceAccountToken,
    imagePullSecrets: (spec.imagePullSecrets ?? []).map((reference) => reference.name),
    fsGroup: spec.securityContext?.fsGroup,
    commonUser: commonUser(all.map((each) => runAsOf(each.securityContext))),
    containers: listed.map(({ name, image, list, path, securityContext }, index) => {
      const runAs = runAsOf(securityContext);
      return { name, image, isInit: list === 'initContainers', runAs, path, raw: raws[index]?.raw };
    }),
  });
}

type SecurityContext = z.output<typeof securityContext>;

function commonUser(all: readonly RunAs[]): number | undefined {
  const users = new Set(all.map(({ user }) => user));
  return users.size === 1 ? all[0]?.user : undefined;
}

/** An entry of one of the pod's lists, and where it stands. */
export type Entry = { readonly raw: unknown; readonly path: string };

/** Containers as they stand in what may be no pod at all, init containers first. */
export function listContainers(raw: unknown): readonly Entry[] {
  return CONTAINER_LISTS.flatMap((list) => entriesOf(raw, list));
}

/** Volumes as they stand in what may be no pod at all. */
export function listVolumes(raw: unknown): readonly Entry[] {
  return entriesOf(raw, 'volumes');
}

function entriesOf(raw: unknown, list: PodList): readonly Entry[] {
  const found: unknown = fieldsOf(fieldsOf(raw).spec)[list];
  if (!Array.isArray(found)) return [];
  return found.map((entry: unknown, index) => ({ raw: entry, path: field('spec', list, index) }));
}

/** No fields where it is not a mapping. */
export function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return isFields(raw) ? { ...raw } : {};
}

function isTrimmed(text: string): boolean {
  return text === text.trim();
}

/** The list, as newer manifests have it, else the one address. */
function addressesOf(one = '', list: readonly { readonly ip: string }[] = []): readonly string[] {
  if (list.length > 0) return list.map(({ ip }) => ip);
  return one === '' ? [] : [one];
}
