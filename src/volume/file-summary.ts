/** One file of a generation, without its contents. */
export type FileSummary = {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
};
