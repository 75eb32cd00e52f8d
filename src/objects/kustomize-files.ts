/**
 * A directory with a kustomization, and what may be reached from it: files in and below it, links followed as long as they
 * end there, and other directories, wherever they lie. What cannot be read is thrown as a LanternError.
 */
export type KustomizeDirectory = AsyncDisposable & {
  /** Absolute and without links, which names it in one way only. */
  readonly path: string;
  names(): Promise<readonly string[]>;
  /** A regular file of at most so many bytes; `invalid-argument` for one that lies elsewhere. */
  read(path: string, mostBytes: number): Promise<Uint8Array>;
  /** Undefined when the path does not lead to a directory. */
  directory(path: string): Promise<KustomizeDirectory | undefined>;
};
