const MARK = '…';

/** The text in at most `mostBytes` bytes of UTF-8, in whole characters; what was cut ends with an ellipsis. */
export function cutText(text: string, mostBytes: number): string {
  // A UTF-16 unit takes a byte at least: what lies further on need not be looked at.
  const bytes = Buffer.from(text.slice(0, mostBytes + 1));
  if (bytes.length <= mostBytes) return text;
  let end = mostBytes - Buffer.byteLength(MARK);
  while (isContinuation(bytes[end])) end--;
  return bytes.toString('utf8', 0, end) + MARK;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
