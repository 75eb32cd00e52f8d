import { byteOrder } from '../payload/byte-order.ts';
import { type PodName, podVolumePrefix } from './pod-volume-id.ts';
import type { PodStatus, PodVolumeStatus } from './pods.ts';
import type { Projector, VolumeStatus } from './projector.ts';

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
  const prefix = podVolumePrefix(pod);
  const found: PodVolumeOf[] = [];
  for (const volume of projector.listAfter(prefix, pod.namespace)) {
    if (!volume.volumeId.startsWith(prefix)) break;
    const isThere = isOfPod(volume) && volume.pod.name === pod.name;
    if (isThere && (root === undefined || volume.podVolume.root === root)) found.push(volume);
  }
  return found;
}

/** The volumes by their pods, in order of namespace, name and root (byte order). */
export function podStatuses(all: readonly VolumeStatus[]): readonly PodStatus[] {
  const pods = new Map<string, PodStatus & { readonly volumes: PodVolumeStatus[] }>();
  for (const volume of all.filter(isOfPod)) {
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

function isOfPod(volume: VolumeStatus): volume is PodVolumeOf {
  return volume.podVolume !== undefined && volume.pod !== undefined;
}
