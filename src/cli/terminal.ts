import { buffer } from 'node:stream/consumers';
import { wrongUsage } from './exit.ts';
import { type Style, styleFor } from './output/text.ts';

/** Where a command reads and writes. */
export type Terminal = {
  /** One or more lines on stdout. */
  readonly print: (text: string) => void;
  /** These bytes on stdout, and nothing after them. Resolves when they are out, or cannot be: that ends the process. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** One or more lines on stderr. */
  readonly complain: (text: string) => void;
  /** All of stdin; asked for a second time it is wrong usage. */
  readonly readInput: () => Promise<Uint8Array>;
  /** For stdout; without colour unless stdout is a terminal and NO_COLOR is not set. */
  readonly style: Style;
};

/** The process's own terminal. */
export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const noColour = environment.NO_COLOR !== undefined && environment.NO_COLOR !== '';
  let isRead = false;
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    write: (bytes) => new Promise((resolve) => process.stdout.write(bytes, () => resolve())),
    complain: (text) => void process.stderr.write(`${text}\n`),
    readInput: async () => {
      if (isRead) throw wrongUsage('"-" stands for stdin, which can be read only once');
      isRead = true;
      return buffer(process.stdin);
    },
    style: styleFor(process.stdout.isTTY === true && !noColour),
  };
}
