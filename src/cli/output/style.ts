import { styleText } from 'node:util';

/** Colours by meaning. Without colour every function gives its text back. */
export type Style = Readonly<
  Record<'good' | 'caution' | 'bad' | 'directory' | 'link' | 'faint', (text: string) => string>
>;

type Format = Parameters<typeof styleText>[0];

export function styleFor(colour: boolean): Style {
  // Whether to colour is decided once, by `terminalOf`; styleText must not look at the process's streams again.
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
