const SURROGATE = /[\ud800-\udfff]/;

/** Compares two strings by their UTF-8 bytes, as Go sorts and as a file system's listing is expected. */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 and UTF-8 agree on the order unless a surrogate is involved.
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}
