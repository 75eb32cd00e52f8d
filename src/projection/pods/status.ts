import { createHash } from 'node:crypto';
import { orThrow } from '../../base/parsed.ts';
import { byteOrder } from '../../payload/payload.ts';
import { parseVolumeId, type VolumeId } from '../../spec/volume-spec.ts';
import type { Projector, VolumeStatus } from '../projector.ts';
import type { PodStatus, PodVolumeStatus } from './pods.ts';

/** Which pod a volume was mounted for, and below which root. */
export type PodVolumeOf = VolumeStatus & {
  readonly pod: NonNullable<VolumeStatus['pod']>;
  readonly podVolume: NonNullable<VolumeStatus['podVolume']>;
};

/**
 * The volumes of one pod below one root, or below all of them (undefined). It costs what the pod has, not what there is
 * on the node: the volumes of a pod stand together in the order of ids.
 */
export function podVolumes(projector: Projector, pod: PodName, root: string | undefined): readonly PodVolumeOf[] {
  const volumes = [...volumesOf(projector, podVolumePrefix(pod), pod.namespace)];
  return volumes.filter(({ pod: { name }, podVolume }) => {
    return name === pod.name && (root === undefined || podVolume.root === root);
  });
}

/** The volumes by their pods, in order of namespace, name and root (byte order). */
export function podStatuses(projector: Projector): readonly PodStatus[] {
  const pods = new Map<string, PodStatus & { readonly volumes: PodVolumeStatus[] }>();
  for (const volume of volumesOf(projector, POD_VOLUMES, undefined)) {
    const { namespace, pod, podVolume } = volume;
    const { root } = podVolume;
    const key = JSON.stringify([namespace, pod.name, root]);
    const known = pods.get(key) ?? { namespace, name: pod.name, uid: pod.uid, root, volumes: [] };
    known.volumes.push(podVolumeStatus(volume));
    pods.set(key, known);
  }
  for (const { volumes } of pods.values()) volumes.sort((a, b) => byteOrder(a.name, b.name));
  return [...pods.values()].sort(
    (a, b) => byteOrder(a.namespace, b.namespace) || byteOrder(a.name, b.name) || byteOrder(a.root, b.root),
  );
}

export function podVolumeStatus({ volumeId, podVolume, state, lastError, publications }: PodVolumeOf): PodVolumeStatus {
  return { name: podVolume.name, volumeId, state, lastError, publications };
}

/** Volumes of pods whose ids start so, of one namespace or of all. */
function* volumesOf(projector: Projector, prefix: string, namespace: string | undefined): Iterable<PodVolumeOf> {
  for (const volume of projector.listAfter(prefix, namespace)) {
    if (!volume.volumeId.startsWith(prefix)) return;
    if (isOfPod(volume)) yield volume;
  }
}

function isOfPod(volume: VolumeStatus): volume is PodVolumeOf {
  return volume.podVolume !== undefined && volume.pod !== undefined;
}

/** A pod, as its volumes' ids know it. */
export type PodName = { readonly namespace: string; readonly name: string };

/** What the ids of all volumes of all pods start with. */
const POD_VOLUMES = 'pod-';

/** Of the pod's name and of the volume's, so that the id stays far below its limit of 128 bytes. */
const MOST_NAME = 40;
/** Hexadecimal digits of the hash: 128 bits. */
const HASH_DIGITS = 32;

/** One id for one volume of one pod below one root, for ever; readable at first sight, unique by its hash. */
export function podVolumeId(pod: PodName, root: string, volume: string): VolumeId {
  const hash = createHash('sha256')
    .update(JSON.stringify([pod.namespace, pod.name, root, volume]))
    .digest('hex');
  const id = `${podVolumePrefix(pod)}${volume.slice(0, MOST_NAME)}-${hash.slice(0, HASH_DIGITS)}`;
  return orThrow(parseVolumeId(id));
}

/** What the ids of all of a pod's volumes start with, and maybe those of other pods too. */
export function podVolumePrefix({ name }: PodName): string {
  return `${POD_VOLUMES}${name.slice(0, MOST_NAME)}-`;
}
