/**
 * The seed of random texts. It is fixed, so that a run fails only because of a change. `LANTERN_SEED` makes
 * others.
 */
export const SEED = Number.parseInt(process.env.LANTERN_SEED ?? '1', 10);
