import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { parseObjectName } from '../../objects/names.ts';
import type { HeldToken } from '../../payload/payload.ts';
import type { RegistryCredential } from '../../payload/registry-credentials.ts';
import type { VolumeEvent } from '../../projection/events/event-log.ts';
import type { MountedContainer, MountedPod, PodStatus } from '../../projection/pods/pods.ts';
import type { RefreshResult, VolumeStatus } from '../../projection/projector.ts';
import {
  type ContainerEnv,
  type EnvFromSource,
  type EnvVar,
  formatEnvField,
  type PodPlacement,
} from '../../spec/container-env.ts';
import { volumeSpecToJson } from '../../spec/parse-volume-source.ts';
import type { Parser } from '../../spec/parser/parse-tasks.ts';
import { type PodFacts, parsePodFacts } from '../../spec/pod-facts.ts';
import type { VolumeDefinition, VolumeSpec } from '../../spec/volume-spec.ts';
import type { TreeEntry } from '../../volume/file-system.ts';
import type { RecordedPublication } from '../../volume/record.ts';
import type { EnvFromSource as WireEnvFrom } from '../generated/lantern/v1/EnvFromSource.ts';
import type { EnvVar as WireEnvVar } from '../generated/lantern/v1/EnvVar.ts';
import type { MountPodResponse as WireMounted } from '../generated/lantern/v1/MountPodResponse.ts';
import type { Pod as WirePod } from '../generated/lantern/v1/Pod.ts';
import type { PodContainer as WirePodContainer } from '../generated/lantern/v1/PodContainer.ts';
import type { PodFacts__Output as WirePodFacts } from '../generated/lantern/v1/PodFacts.ts';
import type { PodPlacement__Output as WirePlacement } from '../generated/lantern/v1/PodPlacement.ts';
import type { Publication as WirePublication } from '../generated/lantern/v1/Publication.ts';
import type { RefreshResult as WireRefreshed } from '../generated/lantern/v1/RefreshResult.ts';
import type { RegistryCredential as WireCredential } from '../generated/lantern/v1/RegistryCredential.ts';
import type {
  ResolveEnvironmentRequest as WireRequest,
  ResolveEnvironmentRequest__Output as WireRequestRead,
} from '../generated/lantern/v1/ResolveEnvironmentRequest.ts';
import type { Token__Output as WireToken } from '../generated/lantern/v1/Token.ts';
import type { TreeEntry as WireTreeEntry } from '../generated/lantern/v1/TreeEntry.ts';
import type { Volume as WireVolume } from '../generated/lantern/v1/Volume.ts';
import type {
  VolumeDefinition as WireDefinition,
  VolumeDefinition__Output as WireDefinitionRead,
} from '../generated/lantern/v1/VolumeDefinition.ts';
import type { VolumeEvent as WireEvent } from '../generated/lantern/v1/VolumeEvent.ts';
import type {
  VolumeSource as WireSource,
  VolumeSource__Output as WireSourceRead,
} from '../generated/lantern/v1/VolumeSource.ts';

/** Kubernetes' limit for all annotations of an object; here also for a pod's labels, and for its names. */
const MAX_POD_TEXT_BYTES = 262_144;

/** The only name that differs between the wire and Kubernetes. */
const FROM_WIRE = new Map([['downwardApi', 'downwardAPI']]);
const TO_WIRE = new Map([['downwardAPI', 'downwardApi']]);

/** Plain JSON with the field names of Kubernetes. */
function rawSource(source: WireSourceRead): unknown {
  const { source: _whichIsSet, ...sources } = source;
  return plain(sources, FROM_WIRE);
}

export async function parseWireDefinition(
  definition: WireDefinitionRead | null,
  root: string,
  parser: Parser,
  signal: AbortSignal,
): Promise<Parsed<VolumeDefinition>> {
  if (definition?.definition === 'projectedVolume') {
    const name = parseObjectName(definition.projectedVolume ?? '', `${root}.projected_volume`);
    return name.ok ? parsed({ kind: 'named', projectedVolume: name.value }) : faulty(name.faults);
  }
  if (definition?.source === undefined || definition.source === null) {
    return faulty([{ field: root, message: 'is required: give a source or the name of a projected_volume' }]);
  }
  const input = { raw: rawSource(definition.source), root: `${root}.source` };
  const spec = await parser.run('source', input, signal);
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

export function volumeSourceToWire(spec: VolumeSpec): WireSource {
  return plain(volumeSpecToJson(spec), TO_WIRE) as WireSource;
}

export function definitionToWire(definition: VolumeDefinition): WireDefinition {
  if (definition.kind === 'named') return { projectedVolume: definition.projectedVolume };
  return { source: volumeSourceToWire(definition.spec) };
}

export function parseWirePod(pod: WirePodFacts | null, root: string): Parsed<PodFacts | undefined> {
  if (pod === null) return parsed(undefined);
  const { name, uid, serviceAccountName } = pod;
  const faults = [
    ...tooLong(`${root}.labels`, Object.entries(pod.labels).flat()),
    ...tooLong(`${root}.annotations`, Object.entries(pod.annotations).flat()),
    ...tooLong(root, [name, uid, serviceAccountName]),
  ];
  return faults.length > 0 ? faulty(faults) : parsePodFacts(pod, root);
}

function tooLong(field: string, texts: readonly string[]): Fault[] {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= MAX_POD_TEXT_BYTES) return [];
  return [
    { field, message: `must have no more than ${MAX_POD_TEXT_BYTES} bytes; leave out what the volume does not show` },
  ];
}

/**
 * A message as plain JSON. Omits values that proto3 cannot distinguish from absent ones (null, empty lists, empty
 * text), and the loader's markers of optional fields (`_mode: "mode"`).
 */
function plain(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, names));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, item]) => isPresent(key, item));
  return Object.fromEntries(entries.map(([key, item]) => [names.get(key) ?? key, plain(item, names)]));
}

function isPresent(key: string, item: unknown): boolean {
  if (item === null || item === undefined || item === '' || (Array.isArray(item) && item.length === 0)) return false;
  return !(key.startsWith('_') && item === key.slice(1));
}

const STATES = { ready: 'READY', stale: 'STALE', degraded: 'DEGRADED' } as const;

export function volumeToWire(status: VolumeStatus): WireVolume {
  return {
    volumeId: status.volumeId,
    namespace: status.namespace,
    state: STATES[status.state],
    generation: status.generation ?? '',
    ...(status.definition && { definition: definitionToWire(status.definition) }),
    files: [...status.files],
    publications: status.publications.map(publicationToWire),
    lastError: status.lastError ?? '',
    problemSince: timestamp(status.problemSince),
    mountedAt: timestamp(status.mountedAt),
    updatedAt: timestamp(status.updatedAt),
    staleSince: timestamp(status.staleSince),
    objects: status.objects.map(({ kind, name, revision }) => ({
      kind,
      name,
      resourceVersion: revision === undefined ? '' : String(revision),
    })),
    ...(status.mountGroup !== undefined && { mountGroup: status.mountGroup }),
    ...(status.pod !== undefined && {
      pod: { name: status.pod.name, uid: status.pod.uid, rootPath: status.podVolume?.root ?? '' },
    }),
  };
}

function timestamp(time: number | undefined): string {
  return time === undefined ? '' : new Date(time).toISOString();
}

function publicationToWire({ target, subPath, pinnedGeneration }: RecordedPublication): WirePublication {
  return { targetPath: target, subPath: subPath ?? '', pinnedGeneration: pinnedGeneration ?? '' };
}

/** Time to encode a volume, as bytes: a page of 3 MiB of small ones would block other calls for 100 ms. */
const MIN_WEIGHT = 8_192;

/** The approximate encoded size in bytes, at least `MIN_WEIGHT`, for cutting pages. */
export function weightOfVolume(status: VolumeStatus): number {
  const files = status.files.reduce((sum, { path }) => sum + Buffer.byteLength(path) + 48, 0);
  const publications = status.publications.reduce((sum, { target }) => sum + Buffer.byteLength(target) + 96, 0);
  const bytes = 1024 + 2 * files + publications + Buffer.byteLength(status.lastError ?? '');
  return Math.max(bytes, MIN_WEIGHT);
}

/** The same message for all watchers of an event. */
export function eventToWire(event: VolumeEvent): WireEvent {
  let wire = eventMessages.get(event);
  if (wire === undefined) {
    wire = makeEvent(event);
    eventMessages.set(event, wire);
  }
  return wire;
}

const eventMessages = new WeakMap<VolumeEvent, WireEvent>();

function makeEvent(event: VolumeEvent): WireEvent {
  const head = { volumeId: event.volumeId, namespace: event.namespace, time: new Date(event.time).toISOString() };
  switch (event.type) {
    case 'mounted':
      return { ...head, type: 'MOUNTED', targetPath: event.target };
    case 'unmounted':
      return { ...head, type: 'UNMOUNTED', targetPath: event.target };
    case 'updated':
      return {
        ...head,
        type: 'UPDATED',
        oldGeneration: event.oldGeneration ?? '',
        newGeneration: event.newGeneration,
        changedPaths: [...event.changedPaths],
        propagationMs: event.propagationMs ?? 0,
      };
    case 'recovered':
      return { ...head, type: 'RECOVERED', message: event.message };
    case 'update-skipped':
      return { ...head, type: 'UPDATE_SKIPPED', targetPath: event.target, message: event.message };
    case 'failed':
      return { ...head, type: 'FAILED', reason: event.reason, message: event.message };
    case 'warning':
      return { ...head, type: 'WARNING', reason: event.reason, message: event.message };
  }
}

const ENTRY_TYPES = { file: 'FILE', directory: 'DIRECTORY', symlink: 'SYMLINK' } as const;

export function treeEntryToWire(entry: TreeEntry): WireTreeEntry {
  return {
    path: entry.path,
    type: ENTRY_TYPES[entry.type],
    mode: entry.mode,
    size: entry.size,
    user: entry.user,
    group: entry.group,
    linkTarget: entry.linkTarget ?? '',
    ...(entry.contents && { contents: entry.contents }),
  };
}

type WireContainer = Pick<WireRequest, 'containerName' | 'envFrom' | 'env'>;

/** For `parseContainerEnv`: the wire has the field names of Kubernetes. */
export function rawContainer({ containerName, envFrom, env }: WireRequestRead): unknown {
  return plain({ name: containerName, envFrom, env }, new Map());
}

export function containerEnvToWire({ name, envFrom, env }: ContainerEnv): WireContainer {
  return { containerName: name, envFrom: envFrom.map(envFromToWire), env: env.map(envVarToWire) };
}

function envFromToWire({ kind, name, optional, prefix }: EnvFromSource): WireEnvFrom {
  const object = { name, optional };
  return kind === 'Secret' ? { prefix, secretRef: object } : { prefix, configMapRef: object };
}

function envVarToWire({ name, value }: EnvVar): WireEnvVar {
  switch (value.kind) {
    case 'text':
      return { name, value: value.text };
    case 'key': {
      const key = { name: value.name, key: value.key, optional: value.optional };
      return { name, valueFrom: value.object === 'Secret' ? { secretKeyRef: key } : { configMapKeyRef: key } };
    }
    case 'field':
      return { name, valueFrom: { fieldRef: { fieldPath: formatEnvField(value.field) } } };
    case 'resource': {
      const { containerName, resource, divisor } = value;
      return { name, valueFrom: { resourceFieldRef: { containerName, resource, divisor } } };
    }
  }
}

export function placementOf(wire: WirePlacement | null): PodPlacement {
  return { nodeName: wire?.nodeName ?? '', hostIPs: wire?.hostIps ?? [], podIPs: wire?.podIps ?? [] };
}

/** SECRET: contains variables and passwords. */
export function mountedPodToWire({ status, containers, notices }: MountedPod): WireMounted {
  return {
    pod: podToWire(status),
    containers: containers.map(containerToWire),
    notices: [...notices],
  };
}

function containerToWire({
  name,
  image,
  isInit,
  environment,
  credentials,
  mounts,
}: MountedContainer): WirePodContainer {
  return {
    name,
    image,
    init: isInit,
    environment: environment.map((variable) => ({ name: variable.name, value: Buffer.from(variable.value) })),
    credentials: credentials.map(credentialToWire),
    mounts: mounts.map(({ volumeName, mountPath, target, subPath }) => {
      return { volumeName, mountPath, targetPath: target, subPath: subPath ?? '' };
    }),
  };
}

/** SECRET: contains a password. */
export function credentialToWire({ key, username, password, secretName }: RegistryCredential): WireCredential {
  return { match: key, username, password, secretName };
}

export function refreshedToWire({ volumeId, isChanged, error = '' }: RefreshResult): WireRefreshed {
  return { volumeId, changed: isChanged, error };
}

export function podToWire({ namespace, name, uid, root, volumes }: PodStatus): WirePod {
  return {
    namespace,
    name,
    uid,
    rootPath: root,
    volumes: volumes.map(({ name, volumeId, state, lastError, publications }) => ({
      name,
      volumeId,
      state: STATES[state],
      lastError: lastError ?? '',
      publications: publications.map(publicationToWire),
    })),
  };
}

/** Sorts as the list does: no part contains a NUL byte. */
export function pageKeyOfPod({ namespace, name, root }: PodStatus): string {
  return `${namespace}\0${name}\0${root}`;
}

/** The approximate encoded size in bytes, for cutting pages. */
export function sizeOfPod({ root, volumes }: PodStatus): number {
  const sizes = volumes.map(({ lastError, publications }) => {
    const targets = publications.reduce(
      (sum, { target, subPath }) => sum + textSize(target) + textSize(subPath) + 96,
      0,
    );
    return 384 + textSize(lastError) + targets;
  });
  return sizes.reduce((sum, size) => sum + size, 1024 + textSize(root));
}

function textSize(text = ''): number {
  return Buffer.byteLength(text);
}

/** By audience. */
export function heldTokensOf(wire: Readonly<Record<string, WireToken>>): ReadonlyMap<string, HeldToken> {
  return new Map(
    Object.entries(wire).map(([audience, { token, expirationTimestamp }]) => [
      audience,
      { token, expirationTimestamp },
    ]),
  );
}
