/** A line below everything that is printed, until it is disposed. */
export interface StatusLine extends Disposable {
  /** Replaces the line. */
  draw(text: string): void;
}

type Stream = { readonly isTTY?: boolean; write(text: string): unknown };

/** Draws and erases lines at the end of a terminal. */
type Drawing = { (text: string): void; clear(): void };

/**
 * Writes to two streams that may be one terminal, at the end of which a line is drawn. While there is one, texts for
 * the terminal wait until it is drawn again: each of them alone would make it flicker.
 */
export class LinesAboveStatus {
  #drawing: Drawing | undefined;
  #held: (readonly [stream: Stream, text: string])[] = [];

  write(stream: Stream, text: string): void {
    if (this.#drawing !== undefined && stream.isTTY === true) this.#held.push([stream, text]);
    else stream.write(text);
  }

  /** There is at most one line at a time. */
  open(drawing: Drawing): StatusLine {
    this.#drawing = drawing;
    return {
      draw: (text) => {
        if (this.#held.length > 0) this.flush();
        drawing(text);
      },
      [Symbol.dispose]: () => {
        this.flush();
        this.#drawing = undefined;
      },
    };
  }

  /** Erases the line until it is drawn again, and writes what waits. */
  flush(): void {
    this.#drawing?.clear();
    for (const [stream, text] of this.#held.splice(0)) stream.write(text);
  }
}
