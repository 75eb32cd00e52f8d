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

const SURROGATE = /[\ud800-\udfff]/;

/** `byteOrder` for these strings, at a fraction of its cost where none of them has a surrogate. */
export function byteOrderAmong(texts: Iterable<string>): (a: string, b: string) => number {
  for (const text of texts) if (SURROGATE.test(text)) return byteOrder;
  return (a, b) => (a === b ? 0 : a < b ? -1 : 1);
}

/** Compares two strings by their UTF-8 bytes, as Go sorts and as a file system's listing is expected. */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 and UTF-8 agree on the order unless a surrogate is involved.
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** `missing`: may still come. `invalid`: not with these inputs. The message never holds a value. */
export type Problem = { readonly reason: 'missing' | 'invalid'; readonly message: string };

export function missing(message: string): Problem {
  return { reason: 'missing', message };
}

export function invalid(message: string): Problem {
  return { reason: 'invalid', message };
}

/** What a user should know although the work went on. The reason is one word, as in an event; never a secret byte. */
export type Notice = { readonly reason: string; readonly message: string };
