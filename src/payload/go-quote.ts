const SHORT: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);

/** Everything but what Go's `unicode.IsPrint` accepts, and the two characters that always need a backslash. */
const TO_ESCAPE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu;

/**
 * The text as Go's `%q` prints it: in double quotes, on one line. Kubernetes writes label and annotation values so,
 * and workloads parse them back.
 */
export function goQuote(text: string): string {
  return `"${text.replace(TO_ESCAPE, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const short = SHORT.get(rune);
  if (short !== undefined) return short;
  const point = rune.codePointAt(0) ?? 0;
  // Half a surrogate pair has no UTF-8 form; Go would see the replacement character.
  if (point >= 0xd800 && point <= 0xdfff) return '\\ufffd';
  if (point < 0x20 || point === 0x7f) return `\\x${hex(point, 2)}`;
  return point < 0x10000 ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`;
}

function hex(point: number, digits: number): string {
  return point.toString(16).padStart(digits, '0');
}
