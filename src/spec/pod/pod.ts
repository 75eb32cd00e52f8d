import type { Fault } from '../../base/errors.ts';
import { type Fields, faulty, isFields, type Parsed, parsed, wrongType } from '../../base/parsed.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { type ContainerEnv, parseContainerEnv } from '../container-env.ts';
import { withPodFieldFaults } from './pod-fields.ts';
import { CONTAINER_LISTS, fieldsOf, type ListedContainer, type PodManifest, readPodManifest } from './pod-manifest.ts';
import { type PodVolume, readPodVolumes, readVolumeMounts, type VolumeMount } from './pod-volumes.ts';

export type Pod = Omit<PodManifest, 'namespace' | 'containers'> & {
  readonly namespace: string;
  readonly volumes: readonly PodVolume[];
  /** In the manifest's order, init containers first. */
  readonly containers: readonly PodContainer[];
};

export type PodContainer = Omit<ListedContainer, 'path' | 'raw'> & {
  readonly env: ContainerEnv;
  readonly mounts: readonly VolumeMount[];
};

/** Lantern's own limit for volumes, containers, mounts and variables together. Reading them blocks other requests. */
const MAX_ENTRIES = 10_000;

/** Parses a Pod (parsed YAML or JSON) and returns all faults. `names` is the rule for its variables. */
export function parsePod(raw: unknown, defaultNamespace: string, names: EnvNameRule = 'strict'): Parsed<Pod> {
  if (!isFields(raw)) return faulty([{ field: '', message: wrongType('a mapping', raw) }]);
  const entries = countEntries(fieldsOf(raw.spec));
  if (entries > MAX_ENTRIES) {
    const message = `must have no more than ${MAX_ENTRIES} volumes, containers, mounts and variables in all, not ${entries}`;
    return faulty([{ field: 'spec', message }]);
  }
  const faults: Fault[] = [];
  const { namespace = defaultNamespace, containers, ...pod } = readPodManifest(raw, faults);
  const volumes = readPodVolumes(fieldsOf(raw.spec).volumes, faults);
  const read = containers.map(({ name, image, isInit, runAs, path, raw }): PodContainer => {
    const { env, envFrom, volumeMounts } = raw;
    const variables = parseContainerEnv({ name, env, envFrom }, path, names);
    if (!variables.ok) faults.push(...variables.faults);
    const mounts = readVolumeMounts(volumeMounts, `${path}.volumeMounts`, volumes.kinds, faults);
    return { name, image, isInit, runAs, env: variables.ok ? variables.value : { name, env: [], envFrom: [] }, mounts };
  });
  const all = withPodFieldFaults(raw, faults);
  return all.length > 0 ? faulty(all) : parsed({ ...pod, namespace, volumes: volumes.good, containers: read });
}

function countEntries(spec: Fields): number {
  let entries = Array.isArray(spec.volumes) ? spec.volumes.length : 0;
  for (const name of CONTAINER_LISTS) {
    const list = spec[name];
    if (!Array.isArray(list)) continue;
    entries += list.length;
    for (const container of list) {
      const { env, envFrom, volumeMounts } = fieldsOf(container);
      for (const each of [env, envFrom, volumeMounts]) if (Array.isArray(each)) entries += each.length;
    }
  }
  return entries;
}

/** Parses one document of YAML or JSON. The fields of faults start with `field`. */
export function parsePodText(
  text: string,
  defaultNamespace: string,
  field: string,
  names: EnvNameRule = 'strict',
): Parsed<Pod> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.pod);
  const pod = documents.ok ? parseSinglePod(documents.value, defaultNamespace, names) : documents;
  if (pod.ok) return pod;
  return faulty(
    pod.faults.map((fault) => ({ ...fault, field: fault.field === '' ? field : `${field}.${fault.field}` })),
  );
}

/** Empty documents, for example after a trailing `---`, do not count. */
function parseSinglePod(documents: readonly unknown[], defaultNamespace: string, names: EnvNameRule): Parsed<Pod> {
  const [first, ...more] = documents.filter((document) => document !== null);
  if (more.length > 0) return faulty([{ field: '', message: `must be one document, not ${1 + more.length}` }]);
  if (first === undefined) return faulty([{ field: '', message: 'is required' }]);
  return parsePod(first, defaultNamespace, names);
}
