import { wrongUsage } from './exit.ts';
import { readInput } from './input.ts';
import { type Style, styleFor } from './output/text.ts';
import { LinesAboveStatus, type StatusLine } from './status-line.ts';

export type Terminal = {
  /** One or more lines on stdout. */
  readonly print: (text: string) => void;
  /** Bytes on stdout without a final newline. Resolves after the write, even a failed one, which ends the process. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** One or more lines on stderr. */
  readonly complain: (text: string) => void;
  /** Reads all of stdin. Throws `wrongUsage` the second time; other errors as `readInput`. */
  readonly readInput: () => Promise<Uint8Array>;
  /** Colours, if stdout is a terminal and NO_COLOR is not set. */
  readonly style: Style;
  /** The width of stdout in characters; undefined if it is not a terminal. */
  readonly columns: number | undefined;
  /** For progress, on stderr, if that is a terminal. There is at most one at a time. */
  readonly openStatus?: () => Promise<StatusLine>;
};

/** For a terminal that does not know its size. */
const DEFAULT_COLUMNS = 80;

export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const noColour = environment.NO_COLOR !== undefined && environment.NO_COLOR !== '';
  let isRead = false;
  const { stdout, stderr } = process;
  const lines = new LinesAboveStatus();
  // A dumb terminal cannot erase a line, and one that does not know its size may wrap it.
  const canErase = stderr.isTTY === true && stderr.columns > 0 && environment.TERM !== 'dumb';
  return {
    print: (text) => lines.write(stdout, `${text}\n`),
    write: (bytes) => {
      lines.flush();
      return new Promise((resolve) => stdout.write(bytes, () => resolve()));
    },
    complain: (text) => lines.write(stderr, `${text}\n`),
    readInput: async () => {
      if (isRead) throw wrongUsage('stdin ("-") can be read only once');
      isRead = true;
      return await readInput(process.stdin, 'stdin');
    },
    // A window can be resized during a watch.
    get columns() {
      return process.stdout.isTTY === true ? process.stdout.columns || DEFAULT_COLUMNS : undefined;
    },
    style: styleFor(process.stdout.isTTY === true && !noColour),
    ...(canErase && {
      openStatus: async () => {
        // Loads a library, which only long work on a terminal needs.
        const { createLogUpdate } = await import('log-update');
        // To hide the cursor it would handle signals, and end the process at the first.
        return lines.open(createLogUpdate(stderr, { showCursor: true }));
      },
    }),
  };
}
