/**
 * The files of a kustomization. Paths are relative to its top directory, with `/`; "" is that directory. Whatever
 * leaves the directory, by `..` or by a link, is refused with `invalid-argument`.
 */
export type KustomizeFiles = {
  /** The path without links, which names a file or directory in one way only. */
  resolve(path: string): Promise<string>;
  /** The names in a directory; undefined for a file. */
  list(path: string): Promise<readonly string[] | undefined>;
  read(path: string): Promise<Uint8Array>;
};
