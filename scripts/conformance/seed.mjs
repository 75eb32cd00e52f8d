/**
 * What random texts are made from: the same each time, so that a run fails for what was changed. `LANTERN_SEED` makes
 * others.
 */
export const SEED = Number.parseInt(process.env.LANTERN_SEED ?? '1', 10);
