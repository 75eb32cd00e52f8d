import type { VolumeId } from '../spec/volume-id.ts';
import type { PodDesk } from './pod-publications.ts';
import { podVolumes } from './pod-status.ts';
import type { PodUnmount } from './pods.ts';

/**
 * Takes every volume of the pod away, then the directories that their targets were in, as far as they are empty. All is
 * known from the volumes' records, so it works after a restart too. A volume that fails does not keep the others; the
 * first failure is thrown at the end.
 */
export async function unmountPod(
  request: PodUnmount,
  { projector, directories, slices }: Pick<PodDesk, 'projector' | 'directories' | 'slices'>,
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { volumeId, podVolume, publications } of podVolumes(projector, request, request.root)) {
    await slices.next();
    try {
      // Ids of a pod's volumes were made by podVolumeId, or read back from a record.
      await projector.unpublish({ volumeId: volumeId as VolumeId, target: undefined }, signal);
      for (const { target } of publications) directories.removeAbove(podVolume.root, target);
    } catch (error) {
      failures.push(error);
    }
  }
  // A root that is left from before, with nothing in it.
  if (request.root !== undefined) directories.remove([request.root]);
  if (failures.length > 0) throw failures[0];
}
