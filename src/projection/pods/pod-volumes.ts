import { createHash } from 'node:crypto';
import { orThrow } from '../../base/parsed.ts';
import { byteOrder } from '../../payload/payload.ts';
import { parseVolumeId, type VolumeId } from '../../spec/volume-spec.ts';
import type { Projector, VolumeStatus } from '../projector.ts';
import type { PodStatus, PodVolumeStatus } from './pods.ts';

export type PodVolume = VolumeStatus & {
  readonly pod: NonNullable<VolumeStatus['pod']>;
  readonly podVolume: NonNullable<VolumeStatus['podVolume']>;
};

/** A pod as its volumes' ids name it. */
type PodName = { readonly namespace: string; readonly name: string };

/** Volumes of one pod below one root, or all. The cost depends on the pod only: its volumes' ids are adjacent. */
export function podVolumes(projector: Projector, pod: PodName, root: string | undefined): readonly PodVolume[] {
  const volumes: PodVolume[] = [];
  for (const volume of volumesOf(projector, podVolumePrefix(pod), pod.namespace)) {
    if (volume.pod.name === pod.name && (root === undefined || volume.podVolume.root === root)) volumes.push(volume);
  }
  return volumes;
}

/** All pods, in order of namespace, name and root (byte order). */
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

export function podVolumeStatus({ volumeId, podVolume, state, lastError, publications }: PodVolume): PodVolumeStatus {
  return { name: podVolume.name, volumeId, state, lastError, publications };
}

/** The volumes of pods whose ids begin with `prefix`, of one namespace or of all. */
function* volumesOf(projector: Projector, prefix: string, namespace: string | undefined): Iterable<PodVolume> {
  for (const volume of projector.listAfter(prefix, namespace)) {
    if (!volume.volumeId.startsWith(prefix)) return;
    const { pod, podVolume } = volume;
    if (pod !== undefined && podVolume !== undefined) yield { ...volume, pod, podVolume };
  }
}

/** The ids of all volumes of all pods begin with this. */
const POD_VOLUMES = 'pod-';

/** Characters of the pod's name, and of the volume's, so that the id is below its limit of 128 bytes. */
const MAX_NAME = 40;
/** Hexadecimal digits of the hash: 128 bits. */
const HASH_DIGITS = 32;

/** The id of one volume of one pod below one root: readable, and unique by its hash. */
export function podVolumeId(pod: PodName, root: string, volume: string): VolumeId {
  const hash = createHash('sha256')
    .update(JSON.stringify([pod.namespace, pod.name, root, volume]))
    .digest('hex');
  const id = `${podVolumePrefix(pod)}${volume.slice(0, MAX_NAME)}-${hash.slice(0, HASH_DIGITS)}`;
  return orThrow(parseVolumeId(id));
}

/** The ids of all of a pod's volumes begin with this, and maybe those of other pods. */
export function podVolumePrefix({ name }: PodName): string {
  return `${POD_VOLUMES}${name.slice(0, MAX_NAME)}-`;
}
