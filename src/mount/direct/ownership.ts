import { readFileSync } from 'node:fs';
import { LanternError } from '../../base/errors.ts';
import type { Payload } from '../../payload/payload.ts';

export type Ownership = {
  /** True if it can give files to any user and group. */
  readonly canChangeOwners: boolean;
  readonly user: number;
  /** The effective group and the supplementary ones: an owner may give a file to any group it is a member of. */
  readonly groups: ReadonlySet<number>;
};

/** Bits of CapEff: CAP_CHOWN gives a file away, CAP_FOWNER is needed to set its mode afterwards. */
const CAP_CHOWN = 1n << 0n;
const CAP_FOWNER = 1n << 3n;

export function readOwnership(): Ownership {
  const status = readFileSync('/proc/self/status', 'latin1');
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const needed = CAP_CHOWN | CAP_FOWNER;
  return {
    canChangeOwners: (capabilities & needed) === needed,
    user: process.geteuid?.() ?? -1,
    groups: new Set([process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])]),
  };
}

/** Refuses a payload with an owner, group or mount group that cannot be given, before anything is written. */
export function requireGivable(payload: Payload, ownership: Ownership): void {
  if (ownership.canChangeOwners) return;
  const { mountGroup } = payload;
  if (mountGroup !== undefined && !ownership.groups.has(mountGroup)) {
    throw cannotGive(`give the volume to the mount group ${mountGroup}`);
  }
  for (const [path, { user, group }] of payload.files) {
    if (user !== undefined && user !== ownership.user) throw cannotGive(`give "${path}" to the user ${user}`);
    if (group !== undefined && !ownership.groups.has(group)) throw cannotGive(`give "${path}" to the group ${group}`);
  }
}

function cannotGive(what: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `${what}: the daemon lacks CAP_CHOWN and CAP_FOWNER; leave owners and foreign groups out, or start it with these capabilities`,
  );
}
