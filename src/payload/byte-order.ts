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
