import { ACCESS_MODES, type AccessMode, MOUNT_FLAGS, type MountFlag } from '../../volume/record.ts';
import type {
  _csi_v1_VolumeCapability_MountVolume__Output as MountVolume,
  VolumeCapability__Output as WireCapability,
} from '../generated/csi/v1/VolumeCapability.ts';
import { MAX_GROUP } from '../limits.ts';
import type { Reading } from '../reading.ts';

/** How the volume shall be visible. */
type Capability = {
  readonly accessMode: AccessMode;
  /** Each once, in a fixed order: repeats of a request compare equal. */
  readonly mountFlags: readonly MountFlag[];
  readonly mountGroup: number | undefined;
};

/** CSI's limit for all mount_flags together. */
const MAX_FLAGS_BYTES = 4096;

/**
 * Undefined when it is missing, or with any fault noted; none quotes a mount flag, which CSI lets be a secret. `field` is
 * what faults call the capability.
 */
export function readCapability(
  reading: Reading,
  capability: WireCapability | null,
  hasSubPath: boolean,
  field = 'volume_capability',
): Capability | undefined {
  if (capability === null) {
    reading.refuse(field, 'is required');
    return undefined;
  }
  const mount = readMount(reading, capability, field);
  const accessMode = readAccessMode(reading, capability, field);
  if (mount === undefined || accessMode === undefined) return undefined;
  return {
    accessMode,
    mountFlags: readFlags(reading, mount, hasSubPath, `${field}.mount.mount_flags`),
    mountGroup: readGroup(reading, mount, `${field}.mount.volume_mount_group`),
  };
}

function readMount(reading: Reading, { block, mount }: WireCapability, field: string): MountVolume | undefined {
  if (block) {
    reading.refuse(`${field}.block`, 'is not supported: a volume is a directory of files; ask for mount');
    return undefined;
  }
  if (!mount) {
    reading.refuse(`${field}.mount`, 'is required');
    return undefined;
  }
  if (mount.fsType !== '') {
    reading.refuse(`${field}.mount.fs_type`, 'must be empty: volumes live in memory, there is no choice');
  }
  return mount;
}

function readAccessMode(reading: Reading, { accessMode }: WireCapability, field: string): AccessMode | undefined {
  if (accessMode === null) {
    reading.refuse(`${field}.access_mode`, 'is required');
    return undefined;
  }
  const mode = ACCESS_MODES.find((known) => known === accessMode.mode);
  if (mode === undefined) {
    reading.refuse(`${field}.access_mode.mode`, `must be one of ${ACCESS_MODES.join(', ')}`);
  }
  return mode;
}

function readFlags(reading: Reading, { mountFlags }: MountVolume, hasSubPath: boolean, field: string): MountFlag[] {
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

function readGroup(reading: Reading, { volumeMountGroup }: MountVolume, field: string): number | undefined {
  if (volumeMountGroup === '') return undefined;
  if (/^(?:0|[1-9]\d*)$/.test(volumeMountGroup) && Number(volumeMountGroup) <= MAX_GROUP)
    return Number(volumeMountGroup);
  reading.refuse(field, `must be a group id between 0 and ${MAX_GROUP}`);
  return undefined;
}
