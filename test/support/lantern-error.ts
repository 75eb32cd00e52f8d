import { LanternError } from '../../src/base/errors.ts';

/** The LanternError the action throws; anything else, or nothing, fails the test. */
export function lanternErrorOf(action: () => unknown): LanternError {
  try {
    action();
  } catch (error) {
    if (error instanceof LanternError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
