import type { VolumeUsage } from '../mount/publisher.ts';
import type { VolumeStatus } from '../projection/projector.ts';
import type { VolumeCondition } from './generated/csi/v1/VolumeCondition.ts';
import type { VolumeUsage as WireUsage } from './generated/csi/v1/VolumeUsage.ts';

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
