import { createHash } from 'node:crypto';
import type { Fault } from '../../base/errors.ts';
import type { NodePublishVolumeRequest__Output as PublishRequest } from '../generated/csi/v1/NodePublishVolumeRequest.ts';
import { HOST_KEYS } from './volume-fields.ts';

const FIX = 'the CSIDriver object needs podInfoOnMount: true and volumeLifecycleModes: [Ephemeral]';

/**
 * Checks that a publish comes from a kubelet that speaks for the pod itself. Attack: without podInfoOnMount the pod's
 * author can write the host's keys and choose another namespace. The author cannot know the pod's uid in advance, and
 * volume_id and target_path are the kubelet's own.
 */
export function kubernetesFaults(
  request: Pick<PublishRequest, 'volumeId' | 'targetPath' | 'volumeContext'>,
): readonly Fault[] {
  const context = new Map(Object.entries(request.volumeContext));
  const faults: Fault[] = [];
  if (context.get(HOST_KEYS.ephemeral) !== 'true') {
    faults.push({
      field: `volume_context[${HOST_KEYS.ephemeral}]`,
      message: `must be "true": only a pod's inline ephemeral volumes are served on Kubernetes; ${FIX}`,
    });
  }
  for (const key of [HOST_KEYS.podNamespace, HOST_KEYS.podUid]) {
    if (context.get(key)) continue;
    faults.push({ field: `volume_context[${key}]`, message: `is required on Kubernetes; ${FIX}` });
  }
  const uid = context.get(HOST_KEYS.podUid);
  return uid ? [...faults, ...placeFaults(request, uid)] : faults;
}

function placeFaults({ volumeId, targetPath }: Pick<PublishRequest, 'volumeId' | 'targetPath'>, uid: string): Fault[] {
  const volumeName = volumeNameIn(targetPath, uid);
  if (volumeName === undefined) {
    const message = `must end in pods/<uid>/volumes/kubernetes.io~csi/<name>/mount, with the uid in ${HOST_KEYS.podUid}`;
    return [{ field: 'target_path', message }];
  }
  if (volumeId === inlineVolumeId(uid, volumeName)) return [];
  const message = 'must be derived from pod uid and volume name as by the kubelet: csi-sha256(uid + name)';
  return [{ field: 'volume_id', message }];
}

/** Undefined for any path but the kubelet's target path for this pod. */
function volumeNameIn(targetPath: string, uid: string): string | undefined {
  const [root, ...elements] = targetPath.split('/');
  if (root !== '' || elements.some((element) => ['', '.', '..'].includes(element))) return undefined;
  const [pods, pod, volumes, plugin, name, mount] = elements.slice(-6);
  const isOfPod = pods === 'pods' && pod === uid && volumes === 'volumes' && plugin === 'kubernetes.io~csi';
  return isOfPod && mount === 'mount' ? name : undefined;
}

/** The kubelet's volume_id for an inline volume, from pkg/volume/csi. */
export function inlineVolumeId(podUid: string, volumeName: string): string {
  const digest = createHash('sha256').update(podUid + volumeName);
  return `csi-${digest.digest('hex')}`;
}
