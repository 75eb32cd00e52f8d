import { vi } from 'vitest';

/** Well below the time a test may take, in milliseconds. */
const PATIENCE_MS = 15_000;

// Vitest's own is one second, which a busy machine needs for nothing. Patience costs nothing where all is well.
const { waitFor } = vi;
vi.waitFor = (callback, options) => {
  const given = typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { timeout: PATIENCE_MS, ...given });
};
