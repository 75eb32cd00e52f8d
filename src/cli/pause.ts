import { setTimeout as delay } from 'node:timers/promises';

/** For waits that the command goes on after: unlike its clock's they keep the process alive, and without a connection nothing else does. */
export const PAUSE = {
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal });
  },
};
