import { isUtf8 } from 'node:buffer';
import { faulty, type Parsed, parsed } from './parsed.ts';

const ELLIPSIS = '…';

/** For example `1 byte` and `2 bytes`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Cuts in whole characters and ends with an ellipsis. `bytesOf` measures the text as it will be encoded. */
export function cutText(text: string, maxBytes: number, bytesOf: (text: string) => number = Buffer.byteLength): string {
  // A UTF-16 unit takes at least one byte, so a longer text need not be measured.
  if (text.length <= maxBytes && bytesOf(text) <= maxBytes) return text;
  let room = maxBytes - bytesOf(ELLIPSIS);
  let end = 0;
  for (const character of text) {
    room -= bytesOf(character);
    if (room < 0) break;
    end += character.length;
  }
  return text.slice(0, end) + ELLIPSIS;
}

/**
 * Requires UTF-8 and removes a byte order mark. Other bytes would decode to U+FFFD and change a password silently. The
 * fault gives line and column, from 1, of the first one.
 */
export function parseUtf8(bytes: Uint8Array, field: string): Parsed<string> {
  if (isUtf8(bytes)) return parsed(new TextDecoder().decode(bytes));
  return faulty([{ field, message: notUtf8(bytes) }]);
}

function notUtf8(bytes: Uint8Array): string {
  const mark = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  if (mark === 0xfffe || mark === 0xfeff) return 'is UTF-16, but must be UTF-8; save it as UTF-8';
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(NEWLINE, start);
    const inLine = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (end !== -1 && isUtf8(inLine)) start = end + 1;
    else return `line ${line}, column ${[...validStart(inLine)].length + 1}: is not UTF-8; save the file as UTF-8`;
  }
}

const NEWLINE = 0x0a;
const REPLACEMENT = Buffer.from('\uFFFD');

/** Returns the text before the first byte that is not UTF-8. */
function validStart(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf('\uFFFD'); at !== -1; at = text.indexOf('\uFFFD', from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    // The file may contain U+FFFD itself.
    if (!REPLACEMENT.equals(bytes.subarray(offset, offset + REPLACEMENT.length))) return text.slice(0, at);
    offset += REPLACEMENT.length;
    from = at + 1;
  }
  return text;
}

/**
 * Base64 as an API server accepts it in a manifest: the standard alphabet, padded. Carriage returns and line feeds are
 * skipped, as by Go's decoder; kustomize and `base64` break long values with them. `plainTextIn` is the field for plain
 * text, which messages suggest. Messages never contain the text.
 */
export function parseBase64(written: string, field: string, plainTextIn?: string): Parsed<Uint8Array> {
  const advice = plainTextIn === undefined ? '' : `plain text belongs into ${plainTextIn}; this field `;
  const refuse = (message: string): Parsed<Uint8Array> => faulty([{ field, message: `${advice}${message}` }]);
  const text = written.replace(/[\r\n]+/g, '');
  if (/[-_]/.test(text) && /^[-\w]+=*$/.test(text)) {
    return refuse('must be base64 of the standard alphabet, with + and / rather than - and _');
  }
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    return refuse('must be base64, padded to a multiple of four characters');
  }
  // A copy: small Buffers share one block of memory.
  return parsed(new Uint8Array(Buffer.from(text, 'base64')));
}
