import { writeSync } from 'node:fs';
import { mayMount } from '../../scripts/prerequisites.mjs';

/** Set by `npm run test:hostile`, which says what they are for. */
const { LANTERN_HOSTILE_SEED: seed, LANTERN_HOSTILE_SECONDS: seconds } = process.env;

/** True if the suite was requested and can run here. */
export const isHostileRun = seed !== undefined && mayMount();

/** Everything random comes from it. */
export const SEED = Number(seed ?? 1);

/** How long each of the two runs, in milliseconds. */
export const LASTING_MS = Number(seconds ?? 60) * 1_000;

/** A figure of the run as a line of its own, without what vitest says around what tests print. */
export function say(figure: string): void {
  writeSync(1, `${figure}\n`);
}
