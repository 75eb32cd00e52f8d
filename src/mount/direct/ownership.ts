import { readFileSync } from 'node:fs';
import { LanternError } from '../../base/errors.ts';
import type { Payload } from '../../payload/payload.ts';

/** Whom files can be given to by this process. */
export type Ownership = {
  /** Whether to anybody at all. */
  readonly canChangeOwners: boolean;
  readonly user: number;
  /** The effective group and the supplementary ones: an owner may always give a file to a group it is in. */
  readonly groups: ReadonlySet<number>;
};

/** Bits of CapEff: CAP_CHOWN gives a file away, CAP_FOWNER then still sets its mode. */
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

/** Refuses, before anything is written, a payload with an owner, a group or a mount group that cannot be given. */
export function requireGivable(payload: Payload, ownership: Ownership): void {
  if (ownership.canChangeOwners) return;
  const { mountGroup } = payload;
  if (mountGroup !== undefined && !ownership.groups.has(mountGroup)) {
    throw ungivable(`give the volume to the mount group ${mountGroup}`);
  }
  for (const [path, { user, group }] of payload.files) {
    if (user !== undefined && user !== ownership.user) throw ungivable(`give "${path}" to the user ${user}`);
    if (group !== undefined && !ownership.groups.has(group)) throw ungivable(`give "${path}" to the group ${group}`);
  }
}

function ungivable(what: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `${what}: the daemon lacks CAP_CHOWN and CAP_FOWNER; leave owners and foreign groups out, or start it with these capabilities`,
  );
}
