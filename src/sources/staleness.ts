/** What a source says of being in touch with where its objects come from. Beside `Source`, for sources that are remote. */
export interface Staleness {
  /** Since when what it answers from memory may be old: milliseconds since 1970 UTC. Undefined while it is in touch. */
  readonly staleSince: number | undefined;
  /** How often its watches had to be set up again. */
  readonly watchRestarts: number;
  /** Why it is out of touch; undefined while it is not. */
  readonly problem: string | undefined;
  /** Calls `listener` whenever it goes out of touch or comes back, until disposed. */
  onTouch(listener: () => void): Disposable;
}
