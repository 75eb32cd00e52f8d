import { LanternError } from '../../src/base/errors.ts';

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
