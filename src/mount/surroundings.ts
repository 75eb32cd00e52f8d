import type { Clock } from '../base/clock.ts';
import type { Slices } from '../base/slices.ts';
import type { Steps } from '../base/steps.ts';
import type { VolumeFs } from '../volume/file-system.ts';
import type { BindLookout } from './bind-lookout.ts';
import type { Mounter } from './mounter.ts';
import type { Pool } from './pool.ts';
import type { TargetRoots } from './target.ts';

/** What a bound volume has from its publisher. */
export type Surroundings = {
  readonly fs: VolumeFs;
  readonly clock: Clock;
  /** In which the volumes of all pools take their turns. */
  readonly slices: Slices;
  readonly mounter: Mounter;
  /** Sees what others have bound of the volumes of all pools. */
  readonly lookout: BindLookout;
  readonly targets: TargetRoots;
  readonly pool: Pool;
  /** Whether a publication of this volume outlived its pool. */
  readonly hasOrphan: boolean;
  /** Whether a device is one of the daemon's pools. */
  readonly isPool: (device: string) => boolean;
  /** Whether the pool is still mounted. */
  readonly isPoolThere: () => boolean;
  /** Removes what the volumes of the pool keep for slow readers. */
  readonly makeRoom: () => Steps<void>;
  readonly onRemove: () => void;
};
