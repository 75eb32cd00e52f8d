/** The beginning of a command line, up to the cursor, as bash would split it. Nothing in it is expanded. */
export type BashWords = {
  /** Without quotes. The last one is to be completed. */
  readonly words: readonly string[];
  /** The part of the last word that readline keeps, without quotes. */
  readonly kept: string;
  /** The quote that is open at the end. */
  readonly quote: '' | '"' | "'";
};

/** Readline replaces only what follows the last unquoted one of `breaks`, or an open quote. */
export function splitBashLine(line: string, breaks: string): BashWords {
  const words: string[] = [];
  let word: string | undefined;
  let kept = '';
  let quote: BashWords['quote'] = '';
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    const next = line[at + 1];
    if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      kept = '';
    } else if (quote === char) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
      kept = word;
    } else if (char === '\\' && isEscape(quote, next)) {
      word = (word ?? '') + (next ?? '');
      at += 1;
    } else {
      word = (word ?? '') + char;
      if (quote === '' && breaks.includes(char)) kept = word;
    }
  }
  return { words: [...words, word ?? ''], kept, quote };
}

function isEscape(quote: BashWords['quote'], next: string | undefined): boolean {
  if (quote === '"') return next !== undefined && '\\"$`'.includes(next);
  return quote === '';
}

/**
 * Text that bash reads as `value` behind the open quote, which readline closes afterwards. `value` has no control
 * characters.
 */
export function quoteForBash(value: string, quote: BashWords['quote']): string {
  if (quote === '') return value.replaceAll(/[^\w%+=:,./@\u0080-\uffff-]/g, '\\$&');
  const escaped =
    quote === "'"
      ? value.replaceAll("'", `'\\''`)
      : // In double quotes, nothing else keeps a shell from looking for "!" in its history.
        value.replaceAll(/[\\"$`]/g, '\\$&').replaceAll('!', `"'!'"`);
  // Readline takes such an end for the closing quote.
  return escaped.endsWith(quote) ? escaped + quote : escaped;
}
