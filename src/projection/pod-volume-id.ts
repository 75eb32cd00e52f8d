import { createHash } from 'node:crypto';
import { orThrow } from '../base/parsed.ts';
import { parseVolumeId, type VolumeId } from '../spec/volume-id.ts';

/** A pod, as its volumes' ids know it. */
export type PodName = { readonly namespace: string; readonly name: string };

/** What the ids of all volumes of all pods start with. */
export const POD_VOLUMES = 'pod-';

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
