import { styleText } from 'node:util';

/** Attack: a path or message with control characters can steer the terminal or break a table. Escapes newlines too. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}|[\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Without colour every function returns its text unchanged. */
export type Style = Readonly<
  Record<'good' | 'caution' | 'bad' | 'directory' | 'link' | 'faint', (text: string) => string>
>;

type Format = Parameters<typeof styleText>[0];

export function styleFor(colour: boolean): Style {
  // The caller decides on colours, so styleText must not examine the process's streams.
  const paint = (format: Format) => (text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  return {
    good: paint('green'),
    caution: paint('yellow'),
    bad: paint('red'),
    directory: paint('blue'),
    link: paint('cyan'),
    faint: paint('dim'),
  };
}

export function noticeLine({ reason, message }: { readonly reason: string; readonly message: string }): string {
  return `warning: ${printable(reason)}: ${printable(message)}`;
}
