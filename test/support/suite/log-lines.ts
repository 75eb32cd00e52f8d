import { createLog, type Log } from '../../../src/base/log.ts';

/** A log whose lines a test can read and wait for. */
export class LogLines {
  readonly lines: string[] = [];
  readonly log: Log;
  #wake: () => void = () => {};

  constructor() {
    const write = (line: string) => {
      this.lines.push(line);
      this.#wake();
    };
    this.log = createLog('trace', 'text', { write });
  }

  /** The first line with that text, whether it is there already or comes later. */
  async line(text: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.includes(text));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Forgets what was logged so far. */
  clear(): void {
    this.lines.length = 0;
  }
}
