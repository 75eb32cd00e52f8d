/**
 * The part of a file system that volumes need. Each method is one system call (or stands for one), so that a test can
 * stop a write after every single one. Synchronous, since memory never waits. Failures are Node's errors, with the
 * errno's name as `code`. No method follows a link in the last element of a path, but `chmod`, which is for
 * directories of our own making only.
 */
export interface VolumeFs {
  /** To whom new files belong. */
  readonly owner: Owner;
  /** The mode is subject to the umask. */
  mkdir(path: string, mode: number): void;
  /** Only an empty directory. */
  rmdir(path: string): void;
  /** Names and kinds of what a directory holds, in no order. */
  readdir(path: string): readonly DirectoryEntry[];
  /** Opens a new file for writing; EEXIST when the name is taken. The mode is subject to the umask. */
  create(path: string, mode: number): number;
  /** Opens a file for writing that is there or not, and empties it. The mode is subject to the umask. */
  createOrEmpty(path: string, mode: number): number;
  /** Returns how many bytes were taken, which may be fewer than given when memory runs out. */
  write(fd: number, bytes: Uint8Array): number;
  fchown(fd: number, owner: OwnerChange): void;
  fchmod(fd: number, mode: number): void;
  close(fd: number): void;
  chown(path: string, owner: OwnerChange): void;
  chmod(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  /** Replaces what is at `to`, atomically. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Undefined when nothing is there. */
  lstat(path: string): FileStatus | undefined;
  /**
   * Of each path, in their order: undefined where nothing is there, or cannot be reached. One call for each, and where the
   * file system opens directories, one opening for those that follow each other in the same directory.
   */
  stamps(paths: readonly string[]): readonly (FileStamp | undefined)[];
  /** All bytes of a regular file; ELOOP for a link. */
  readFile(path: string): Uint8Array;
}

/** Numeric user and group. */
export type Owner = { readonly user: number; readonly group: number };

/** What is undefined stays as it is. */
export type OwnerChange = { readonly user?: number | undefined; readonly group?: number | undefined };

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export type DirectoryEntry = { readonly name: string; readonly type: FileType };

/**
 * Changes with all that is done to a file, or to a directory's own names: where two stamps of one path are equal, nobody
 * touched what is there in between. But a change within some milliseconds of the one before may not show.
 */
export type FileStamp = {
  readonly inode: number;
  /** Of the last change of whatever kind (ctime): seconds since 1970, and the rest in nanoseconds. */
  readonly seconds: number;
  readonly nanoseconds: number;
};

export type FileStatus = Owner & {
  readonly type: FileType;
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
};
