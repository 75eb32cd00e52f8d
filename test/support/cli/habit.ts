/** What somebody with kubectl in the fingers types, and what comes of it. */
export type Habit = {
  /** As typed in a shell behind `kubectl`, in a directory with `HABIT_FILES`, in the world of `HABIT_MANIFESTS`. */
  readonly typed: string;
  /** In short, what kubectl does with it. */
  readonly kubectl: string;
  /** The whole stdout, or a part of it; by default nothing. The final newline does not count. */
  readonly prints?: string | RegExp;
  /** The whole stderr, or a part of it; by default nothing. */
  readonly complains?: string | RegExp;
  /** By default 0. */
  readonly exitCode?: number;
  /** On stdin. */
  readonly input?: string;
  /**
   * Whole fields of stored objects afterwards (`labels`, `annotations`, `data`, `type`, …), by `KIND/NAME` or
   * `NAMESPACE/KIND/NAME`; null for an object that does not exist.
   */
  readonly leaves?: Readonly<Record<string, object | null>>;
  /** True if kubectl needs no cluster for it: where kubectl is installed, its stdout must be the same. */
  readonly isLocal?: true;
};
