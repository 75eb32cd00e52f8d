import { LanternError } from '../../base/errors.ts';
import type { VolumeUsage } from '../../mount/publisher.ts';
import type { Projector, PublishRequest, VolumeStatus } from '../../projection/projector.ts';
import { parseVolumeId } from '../../spec/volume-spec.ts';
import type { NodePublishVolumeRequest__Output as WirePublishRequest } from '../generated/csi/v1/NodePublishVolumeRequest.ts';
import type { VolumeCondition } from '../generated/csi/v1/VolumeCondition.ts';
import type { VolumeUsage as WireUsage } from '../generated/csi/v1/VolumeUsage.ts';
import { parseTarget, Reading } from '../reading.ts';
import type { NodeMethods } from '../services.ts';
import { readCapability } from './capability.ts';
import { kubernetesFaults } from './host-kubernetes.ts';
import { parseVolumeContext } from './volume-context.ts';

type NodeOptions = {
  readonly projector: Projector;
  readonly nodeId: string;
  /** Whether files can be given to a group, and volume_mount_group be promised. */
  readonly canChangeOwners: boolean;
  /** Who calls; `kubernetes` makes a publish prove that it speaks for the pod. */
  readonly host: 'generic' | 'kubernetes';
};

/** csi.v1.Node, without staging: reads requests, names every fault at once, and hands what is left to the projector. */
export function nodeService({ projector, nodeId, canChangeOwners, host }: NodeOptions): NodeMethods {
  return {
    async nodePublishVolume(request, signal) {
      await projector.publish(readPublish(request, host), signal);
      return {};
    },

    async nodeUnpublishVolume({ volumeId, targetPath }, signal) {
      requirePresent({ volume_id: volumeId, target_path: targetPath });
      const id = parseVolumeId(volumeId);
      // What no publish would take was never published, and a kubelet would repeat an error for ever.
      if (!id.ok) return {};
      await projector.unpublish({ volumeId: id.value, target: targetPath }, signal).catch((error: unknown) => {
        if (!(error instanceof LanternError) || error.code !== 'invalid-argument') throw error;
      });
      return {};
    },

    nodeGetVolumeStats({ volumeId, volumePath }) {
      requirePresent({ volume_id: volumeId, volume_path: volumePath });
      const usage = projector.usage(volumeId, volumePath);
      const status = projector.get(volumeId);
      if (status === undefined) throw new LanternError('not-found', `volume "${volumeId}" is not published here`);
      return { usage: volumeUsagesOf(usage), volumeCondition: volumeConditionOf(status) };
    },

    nodeGetCapabilities: () => {
      const always = ['GET_VOLUME_STATS', 'VOLUME_CONDITION', 'SINGLE_NODE_MULTI_WRITER'] as const;
      const types = canChangeOwners ? ([...always, 'VOLUME_MOUNT_GROUP'] as const) : always;
      return { capabilities: types.map((type) => ({ rpc: { type } })) };
    },

    nodeGetInfo: () => ({ nodeId }),
  };
}

function requirePresent(fields: Readonly<Record<string, string>>): void {
  const reading = new Reading();
  for (const [field, value] of Object.entries(fields)) if (value === '') reading.refuse(field, 'is required');
  if (!reading.isGood) throw reading.error();
}

function readPublish(request: WirePublishRequest, host: NodeOptions['host']): PublishRequest {
  const reading = new Reading();
  const volumeId = reading.take(parseVolumeId(request.volumeId));
  const target = reading.take(parseTarget(request.targetPath));
  const hasSubPath = Object.hasOwn(request.volumeContext, 'subPath');
  const capability = readCapability(reading, request.volumeCapability, hasSubPath);
  // CSI: what is missing comes before what volume_context says.
  if (request.volumeId === '' || request.targetPath === '' || request.volumeCapability === null) throw reading.error();

  if (host === 'kubernetes') reading.note(kubernetesFaults(request));
  const context = reading.take(parseVolumeContext(request.volumeContext, request.secrets));
  if (!volumeId || !target || !capability || !context || !reading.isGood) throw reading.error();
  return {
    ...context,
    ...capability,
    volumeId,
    target,
    readonly: request.readonly,
    podVolume: undefined,
    waitForObjects: false,
  };
}

/** CSI's limit for VolumeCondition.message. */
const MAX_MESSAGE_BYTES = 128;
const ELLIPSIS = '…';

/** Bytes, then inodes. `available` never goes below 0. */
export function volumeUsagesOf(usage: VolumeUsage): WireUsage[] {
  return [
    { unit: 'BYTES', ...amounts(usage.totalBytes, usage.usedBytes) },
    { unit: 'INODES', ...amounts(usage.totalInodes, usage.usedInodes) },
  ];
}

function amounts(total: number, used: number) {
  return { total, used, available: Math.max(0, total - used) };
}

/** Abnormal is anything but contents at the newest revisions known. The message is never empty. */
export function volumeConditionOf({ state, lastError }: VolumeStatus): VolumeCondition {
  if (state === 'ready') return { abnormal: false, message: 'ready: the contents are up to date' };
  return { abnormal: true, message: shortened(lastError ? `${state}: ${lastError}` : state) };
}

function shortened(message: string): string {
  if (Buffer.byteLength(message) <= MAX_MESSAGE_BYTES) return message;
  const room = MAX_MESSAGE_BYTES - Buffer.byteLength(ELLIPSIS);
  // Cut inside a character, the decoder leaves its replacement character there.
  const cut = Buffer.from(message)
    .subarray(0, room)
    .toString()
    .replace(/\uFFFD+$/, '');
  return cut + ELLIPSIS;
}
