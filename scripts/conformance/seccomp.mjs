import { isProfileCurrent } from '../seccomp-profile.mjs';
import { findOnPath } from './go-tool.mjs';

/**
 * Checks that deploy/security/seccomp.json is up to date.
 *
 * @returns {{ passed: number, problems: readonly string[] } | { reason: string }} why it cannot be found out
 */
export function checkSeccompProfile() {
  if (findOnPath('go') === undefined)
    return { reason: "the seccomp profile: needs Go, which asks the engine's module" };
  if (isProfileCurrent()) return { passed: 1, problems: [] };
  return { passed: 0, problems: ['deploy/security/seccomp.json is not what "npm run seccomp" makes: run it'] };
}
