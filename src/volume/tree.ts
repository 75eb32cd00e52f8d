/** One entry of a volume as `lstat` sees it. */
export type TreeEntry = {
  /** Relative to the volume. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits, setgid included. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly size: number;
  readonly linkTarget: string | undefined;
  readonly contents: Uint8Array | undefined;
};
