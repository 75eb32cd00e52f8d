import type { HeldToken } from '../payload/render-payload.ts';

/**
 * The secret bytes that came with a request: its own data and tokens. Kept as a 0600 file beside the record, on the
 * memory file system and never inside the published directory, so that a mixed volume can be rendered after a SIGKILL.
 */
export type RequestInputs = {
  readonly data: ReadonlyMap<string, Uint8Array>;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
};
