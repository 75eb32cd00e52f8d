import type { Config } from '../../config/config.ts';
import type { BindProbe } from '../../mount/detect/probe-bind.ts';
import type { Health } from '../check-health.ts';

/** What of a daemon's configuration matters to the doctor. */
export type DoctorOptions = Pick<
  Config,
  | 'runDirectory'
  | 'lanternSocket'
  | 'csiSocket'
  | 'publisher'
  | 'allowDisk'
  | 'requireNoswap'
  | 'poolBytes'
  | 'poolTotalBytes'
  | 'store'
  | 'dataDirectory'
  | 'keyFiles'
  | 'host'
  | 'driverName'
  | 'targetRoots'
>;

/** What was found at a path; a link at its end is not followed. */
export type PathFact = { readonly path: string } & (
  | { readonly state: 'missing' }
  /** `errno` says why it cannot be looked at. */
  | { readonly state: 'hidden'; readonly errno: string }
  | {
      readonly state: 'there';
      readonly type: 'directory' | 'file' | 'socket' | 'other';
      readonly uid: number;
      /** The permission bits. */
      readonly mode: number;
    }
);

/** How a mount passes on what is mounted below it; `unknown` where it cannot be found in the mount table. */
export type Propagation = 'shared' | 'slave' | 'private' | 'unknown';

/** The mandatory access control in force. `profile` is AppArmor's name for this process. */
export type SecurityModule =
  | { readonly kind: 'none' }
  | { readonly kind: 'apparmor'; readonly profile: string }
  | { readonly kind: 'selinux'; readonly isEnforcing: boolean };

/** Everything the checks judge by: looked up once, and plain data. Undefined where it could not be found out. */
export type DoctorFacts = {
  readonly options: DoctorOptions;
  readonly nodeVersion: string;
  readonly uid: number;
  readonly canChangeOwners: boolean;
  readonly kernelRelease: string;
  /** Of the calls that bind mounts are made with, those that the kernel does not have. */
  readonly missingCalls: readonly string[];
  /** How mounting went in a scratch mount namespace. */
  readonly bind: BindProbe | undefined;
  /** Whether /dev/shm is a memory file system that this user can write to. */
  readonly sharedMemory: 'usable' | 'not-writable' | 'not-memory' | 'missing';
  /** Whether the run directory, or where it would be made, is in memory. */
  readonly isRunDirectoryInMemory: boolean | undefined;
  readonly isSwapOn: boolean | undefined;
  readonly memoryBytes: number;
  readonly securityModule: SecurityModule;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** Two readings of the monotonic clock, one after the other, in milliseconds. */
  readonly monotonic: readonly [number, number];
  readonly runDirectory: PathFact;
  readonly runDirectoryPropagation: Propagation;
  /** Whether this process has a mount namespace of its own, as in a container. */
  readonly isInOwnMountNamespace: boolean | undefined;
  readonly sockets: readonly PathFact[];
  readonly health: Health;
  /** Of the daemon's store. */
  readonly storeHealth: Health;
  /** Mounted pools in the run directory. */
  readonly pools: number;
  readonly dataDirectory: PathFact;
  /** Whether something was stored already: without its key it cannot be read. */
  readonly hasDatabase: boolean;
  readonly keyFiles: readonly PathFact[];
  /** Of the kubelet, and the registrar's socket in it; only for a Kubernetes host. */
  readonly kubernetes:
    | { readonly pods: PathFact; readonly registry: PathFact; readonly registration: PathFact }
    | undefined;
};
