import { byteOrder } from '../payload/byte-order.ts';
import type { PodStatus, PodVolumeStatus } from './pods.ts';
import type { VolumeStatus } from './projector.ts';

/** Which pod a volume was mounted for, and below which root. */
export type PodVolumeOf = VolumeStatus & {
  readonly pod: NonNullable<VolumeStatus['pod']>;
  readonly podVolume: NonNullable<VolumeStatus['podVolume']>;
};

/** Volumes that were mounted as those of a pod, of one namespace, name or root where these are given. */
export function podVolumes(
  all: readonly VolumeStatus[],
  wanted: { readonly namespace: string; readonly name: string; readonly root: string | undefined },
): readonly PodVolumeOf[] {
  return all.filter(isOfPod).filter(({ namespace, pod, podVolume }) => {
    const isRoot = wanted.root === undefined || wanted.root === podVolume.root;
    return namespace === wanted.namespace && pod.name === wanted.name && isRoot;
  });
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
