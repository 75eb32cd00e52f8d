/**
 * The text with control characters written as escapes, so that a path or a message from elsewhere can neither break a
 * table nor steer the terminal. For single lines: newlines are escaped too.
 */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}|[\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
