const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.)|$)/gs;

/**
 * What a text in quotes of either kind means, with the escapes of Go's strings; undefined where a backslash means nothing.
 * Escapes of single bytes mean the character of that number.
 */
export function unquoted(quoted: string): string | undefined {
  const quote = quoted.charAt(0);
  let isKnown = true;
  const text = quoted.slice(1, -1).replace(ESCAPE, (_, byte, short, long, octal, character) => {
    const hex: string | undefined = byte ?? short ?? long;
    const code = hex === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    if (code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000)) return String.fromCodePoint(code);
    const meant = character === quote ? quote : SIMPLE[character];
    if (meant === undefined) isKnown = false;
    return meant ?? '';
  });
  return isKnown ? text : undefined;
}
