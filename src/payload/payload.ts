import type { RelativePath } from '../spec/relative-path.ts';

/** One file to be. */
export type PayloadFile = {
  readonly bytes: Uint8Array;
  /** Permission bits, 0 to 0o777; what a mount group adds is in them already. */
  readonly mode: number;
  /** Numeric owner and group; the daemon's own where undefined. */
  readonly user: number | undefined;
  readonly group: number | undefined;
};

/** What a volume shall contain. Immutable; paths are free of conflicts (no path is a parent of another). */
export type Payload = {
  /** In byte order of the paths. */
  readonly files: ReadonlyMap<RelativePath, PayloadFile>;
  /** The gid that every directory gets, with setgid and group r-x; directories are plain 0755 where undefined. */
  readonly mountGroup: number | undefined;
  /** Sum of the files' sizes. */
  readonly bytes: number;
  /** Files plus the directories they need: what the payload costs in inodes. */
  readonly entries: number;
  /** Hex SHA-256 over paths, bytes, modes, owners and mount group: equal digests mean equal payloads. Never shown. */
  readonly digest: string;
};
