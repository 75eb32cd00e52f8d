/** What a write did. */
export type WriteOutcome = {
  /** False: the contents were equal already and nothing was touched. */
  readonly changed: boolean;
  readonly generation: string;
  /** The generation before; undefined for the first. */
  readonly previous: string | undefined;
  /** Paths added, removed or different in bytes, mode or owner, sorted. */
  readonly changedPaths: readonly string[];
};
