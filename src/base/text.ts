import { isUtf8 } from 'node:buffer';
import { faulty, type Parsed, parsed } from './parsed.ts';

/**
 * The text of a file that must be UTF-8; a byte order mark before it goes. Bytes that are not would become other characters,
 * so a password could become another one: they are refused, with line and column, from 1, of the first.
 */
export function parseUtf8(bytes: Uint8Array, field: string): Parsed<string> {
  if (isUtf8(bytes)) return parsed(new TextDecoder().decode(bytes));
  return faulty([{ field, message: notUtf8(bytes) }]);
}

function notUtf8(bytes: Uint8Array): string {
  const mark = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  if (mark === 0xfffe || mark === 0xfeff) return 'is UTF-16, but must be UTF-8; save it as that';
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(NEWLINE, start);
    const inLine = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (end !== -1 && isUtf8(inLine)) start = end + 1;
    else return `line ${line}, column ${[...goodIn(inLine)].length + 1}: is not UTF-8; save the file as that`;
  }
}

const NEWLINE = 0x0a;
const REPLACEMENT = Buffer.from('\uFFFD');

/** The text before the first byte that is no character's. */
function goodIn(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf('\uFFFD'); at !== -1; at = text.indexOf('\uFFFD', from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    // The character itself may stand there as well.
    if (!REPLACEMENT.equals(bytes.subarray(offset, offset + REPLACEMENT.length))) return text.slice(0, at);
    offset += REPLACEMENT.length;
    from = at + 1;
  }
  return text;
}

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
