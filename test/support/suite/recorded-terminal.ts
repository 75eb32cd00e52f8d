import { styleFor } from '../../../src/cli/output/text.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';

/** A terminal without colour that keeps what was printed, by line, and reads what it was given. */
export class RecordedTerminal implements Terminal {
  readonly printed: string[] = [];
  readonly complaints: string[] = [];
  readonly style = styleFor(false);
  /** Undefined: a pipe. */
  readonly columns: number | undefined;
  readonly #input: string;

  constructor(input = '', columns?: number) {
    this.#input = input;
    this.columns = columns;
  }

  readonly print = (text: string): void => void this.printed.push(...text.split('\n'));
  readonly write = async (bytes: Uint8Array): Promise<void> =>
    this.print(Buffer.from(bytes).toString().replace(/\n$/, ''));
  readonly complain = (text: string): void => void this.complaints.push(...text.split('\n'));
  readonly readInput = async (): Promise<Uint8Array> => Buffer.from(this.#input);
}
