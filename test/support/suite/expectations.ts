import { LanternError } from '../../../src/base/errors.ts';
import type { Parsed } from '../../../src/base/parsed.ts';

/** The LanternError the promise rejects with; anything else, or success, fails the test. */
export async function rejectionOf(promise: Promise<unknown>): Promise<LanternError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LanternError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** How a stream ends when nothing comes of it: with its LanternError. */
export async function rejectionOfStream(stream: AsyncIterable<unknown>): Promise<LanternError> {
  return await rejectionOf(stream[Symbol.asyncIterator]().next());
}

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

/** The faults as `field: message`; none for a value. */
export function faultLines(result: Parsed<unknown>): string[] {
  return result.ok ? [] : result.faults.map(({ field, message }) => `${field}: ${message}`);
}
