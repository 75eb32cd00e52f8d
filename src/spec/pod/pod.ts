import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { type ContainerEnv, type PodPlacement, parseContainerEnv } from '../container-env.ts';
import type { PodFacts } from '../pod-facts.ts';
import { withPodFieldFaults } from './pod-fields.ts';
import { type Entry, fieldsOf, listContainers, listVolumes, type RunAs, readPodManifest } from './pod-manifest.ts';
import { type PodVolume, type PodVolumes, readPodVolumes, readVolumeMounts, type VolumeMount } from './pod-volumes.ts';

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
  /** Whom all containers run as, ephemeral ones among them; undefined where they differ, or one does not say. */
  readonly commonUser: number | undefined;
  readonly volumes: readonly PodVolume[];
  /** In the manifest's order, init containers first. */
  readonly containers: readonly PodContainer[];
};

export type PodContainer = {
  readonly name: string;
  readonly image: string;
  readonly isInit: boolean;
  readonly runAs: RunAs;
  readonly env: ContainerEnv;
  readonly mounts: readonly VolumeMount[];
};

/** Lantern's own limit: volumes, containers, their mounts and variables together. Reading them holds up everybody else. */
const MOST_ENTRIES = 10_000;

/**
 * A Pod manifest as parsed YAML or JSON; every fault at once. A pod that names no namespace is in `defaultNamespace`.
 * `names` is the rule for its variables.
 */
export function parsePod(raw: unknown, defaultNamespace: string, names: EnvNameRule = 'strict'): Parsed<Pod> {
  const entries = countEntries(raw);
  if (entries > MOST_ENTRIES) {
    const message = `must have no more than ${MOST_ENTRIES} volumes, containers, mounts and variables in all, not ${entries}`;
    return faulty([{ field: 'spec', message }]);
  }
  const manifest = readPodManifest(raw);
  const volumes = readPodVolumes(listVolumes(raw));
  const contents = listContainers(raw).map((entry) => readContainer(entry, volumes, names));
  const faults = withPodFieldFaults(raw, [
    ...(manifest.ok ? repeatedNames(manifest.value.containers) : manifest.faults),
    ...volumes.faults,
    ...contents.flatMap((container) => container.faults),
  ]);
  if (!manifest.ok || faults.length > 0) return faulty(faults);
  const { namespace, containers, ...pod } = manifest.value;
  return parsed({
    ...pod,
    namespace: namespace ?? defaultNamespace,
    volumes: volumes.volumes,
    containers: containers.map(({ name, image, isInit, runAs }, index) => {
      const { env = NO_ENV, mounts = [] } = contents[index] ?? {};
      return { name, image, isInit, runAs, env: { ...env, name }, mounts };
    }),
  });
}

function countEntries(raw: unknown): number {
  const lists = listContainers(raw).flatMap((container) => {
    const { env, envFrom, volumeMounts } = fieldsOf(container.raw);
    return [env, envFrom, volumeMounts];
  });
  const inContainers = lists.reduce<number>((sum, list) => sum + (Array.isArray(list) ? list.length : 0), 0);
  return listVolumes(raw).length + listContainers(raw).length + inContainers;
}

type Contents = {
  readonly env: Omit<ContainerEnv, 'name'>;
  readonly mounts: readonly VolumeMount[];
  readonly faults: readonly Fault[];
};

const NO_ENV = { envFrom: [], env: [] };

/** Its name, image and resources are read with the manifest. */
function readContainer({ raw, path }: Entry, volumes: PodVolumes, names: EnvNameRule): Contents {
  const { env, envFrom, volumeMounts } = fieldsOf(raw);
  const variables = parseContainerEnv({ env, envFrom }, path, names);
  const { mounts, faults } = readVolumeMounts(volumeMounts, `${path}.volumeMounts`, volumes);
  if (variables.ok) return { env: variables.value, mounts, faults };
  return { env: NO_ENV, mounts, faults: [...variables.faults, ...faults] };
}

/** Init containers and others share their names. */
function repeatedNames(containers: readonly { readonly name: string; readonly path: string }[]): readonly Fault[] {
  const seen = new Set<string>();
  return containers.flatMap(({ name, path }) => {
    if (seen.has(name)) return [{ field: `${path}.name`, message: 'must be unique' }];
    seen.add(name);
    return [];
  });
}

/** A pod from a request's text: YAML or JSON, one document. The fields of faults start with `field`. */
export function parsePodText(
  text: string,
  defaultNamespace: string,
  field: string,
  names: EnvNameRule = 'strict',
): Parsed<Pod> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.pod);
  const pod = documents.ok ? parseOnly(documents.value, defaultNamespace, names) : documents;
  if (pod.ok) return pod;
  return faulty(
    pod.faults.map((fault) => ({ ...fault, field: fault.field === '' ? field : `${field}.${fault.field}` })),
  );
}

/** Empty documents, as a trailing `---` makes them, do not count. */
function parseOnly(documents: readonly unknown[], defaultNamespace: string, names: EnvNameRule): Parsed<Pod> {
  const [first, ...more] = documents.filter((document) => document !== null);
  if (more.length > 0) return faulty([{ field: '', message: `must be one document, not ${1 + more.length}` }]);
  return first === undefined
    ? faulty([{ field: '', message: 'is required' }])
    : parsePod(first, defaultNamespace, names);
}
