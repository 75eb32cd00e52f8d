import { buffer } from 'node:stream/consumers';
import { type Style, styleFor } from './output/style.ts';

/** Where a command reads and writes. */
export type Terminal = {
  /** One or more lines on stdout. */
  readonly print: (text: string) => void;
  /** One or more lines on stderr. */
  readonly complain: (text: string) => void;
  /** All of stdin. */
  readonly readInput: () => Promise<Uint8Array>;
  /** For stdout; without colour unless stdout is a terminal and NO_COLOR is not set. */
  readonly style: Style;
};

/** The process's own terminal. */
export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const noColour = environment.NO_COLOR !== undefined && environment.NO_COLOR !== '';
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    readInput: () => buffer(process.stdin),
    style: styleFor(process.stdout.isTTY === true && !noColour),
  };
}
