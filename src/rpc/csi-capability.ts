import { ACCESS_MODES, type AccessMode, MOUNT_FLAGS, type MountFlag } from '../volume/record.ts';
import type {
  _csi_v1_VolumeCapability_MountVolume__Output as MountVolume,
  VolumeCapability__Output as WireCapability,
} from './generated/csi/v1/VolumeCapability.ts';
import { MAX_GROUP } from './limits.ts';
import type { Reading } from './reading.ts';

/** How the volume shall be visible. */
export type Capability = {
  readonly accessMode: AccessMode;
  /** Each once, in a fixed order: repeats of a request compare equal. */
  readonly mountFlags: readonly MountFlag[];
  readonly mountGroup: number | undefined;
};

/** CSI's limit for all mount_flags together. */
const MAX_FLAGS_BYTES = 4096;

/** Undefined when it is missing, or with any fault noted; none quotes a mount flag, which CSI lets be a secret. */
export function readCapability(
  reading: Reading,
  capability: WireCapability | null,
  hasSubPath: boolean,
): Capability | undefined {
  if (capability === null) {
    reading.refuse('volume_capability', 'is required');
    return undefined;
  }
  const mount = readMount(reading, capability);
  const accessMode = readAccessMode(reading, capability);
  if (mount === undefined || accessMode === undefined) return undefined;
  return { accessMode, mountFlags: readFlags(reading, mount, hasSubPath), mountGroup: readGroup(reading, mount) };
}

function readMount(reading: Reading, { block, mount }: WireCapability): MountVolume | undefined {
  if (block) {
    reading.refuse('volume_capability.block', 'is not supported: a volume is a directory of files; ask for mount');
    return undefined;
  }
  if (!mount) {
    reading.refuse('volume_capability.mount', 'is required');
    return undefined;
  }
  if (mount.fsType !== '') {
    reading.refuse('volume_capability.mount.fs_type', 'must be empty: volumes live in memory, there is no choice');
  }
  return mount;
}

function readAccessMode(reading: Reading, { accessMode }: WireCapability): AccessMode | undefined {
  if (accessMode === null) {
    reading.refuse('volume_capability.access_mode', 'is required');
    return undefined;
  }
  const mode = ACCESS_MODES.find((known) => known === accessMode.mode);
  if (mode === undefined) {
    reading.refuse('volume_capability.access_mode.mode', `must be one of ${ACCESS_MODES.join(', ')}`);
  }
  return mode;
}

function readFlags(reading: Reading, { mountFlags }: MountVolume, hasSubPath: boolean): MountFlag[] {
  const field = 'volume_capability.mount.mount_flags';
  const bytes = mountFlags.reduce((sum, flag) => sum + Buffer.byteLength(flag), 0);
  if (bytes > MAX_FLAGS_BYTES) {
    reading.refuse(field, `hold ${bytes} bytes, CSI allows ${MAX_FLAGS_BYTES}`);
    return [];
  }
  for (const [index, flag] of mountFlags.entries()) {
    if (!MOUNT_FLAGS.some((known) => known === flag)) {
      reading.refuse(`${field}[${index}]`, `must be one of ${MOUNT_FLAGS.join(', ')}`);
    } else if (flag === 'nosymfollow' && !hasSubPath) {
      reading.refuse(`${field}[${index}]`, 'nosymfollow needs a subPath: a whole volume is reached through links');
    }
  }
  return MOUNT_FLAGS.filter((flag) => mountFlags.includes(flag));
}

function readGroup(reading: Reading, { volumeMountGroup }: MountVolume): number | undefined {
  if (volumeMountGroup === '') return undefined;
  if (/^(?:0|[1-9]\d*)$/.test(volumeMountGroup) && Number(volumeMountGroup) <= MAX_GROUP)
    return Number(volumeMountGroup);
  reading.refuse('volume_capability.mount.volume_mount_group', `must be a group id between 0 and ${MAX_GROUP}`);
  return undefined;
}
