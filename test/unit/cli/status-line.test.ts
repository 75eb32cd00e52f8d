import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinesAboveStatus } from '../../../src/cli/status-line.ts';

class Pipe {
  text = '';

  write(text: string): void {
    this.text += text;
  }
}

/** A terminal with a line at its end that must be erased before something is written. */
class Screen {
  readonly isTTY = true;
  text = '';
  status = '';

  write(text: string): void {
    expect(this.status).toBe('');
    this.text += text;
  }

  #draw(text: string): void {
    this.status = text;
  }

  readonly drawing = Object.assign((text: string) => this.#draw(text), { clear: () => this.#draw('') });
}

const action = fc.oneof(
  fc.record({ kind: fc.constantFrom('out', 'error', 'pipe'), text: fc.stringMatching(/^[a-z]{1,4}\n$/) }),
  fc.record({ kind: fc.constantFrom('draw', 'flush', 'reopen'), text: fc.constantFrom('1 of 2', '2 of 2') }),
);

test('texts and the line do not mix, and the order of what is written stays', () => {
  fc.assert(
    fc.property(fc.array(action), (actions) => {
      const [screen, pipe] = [new Screen(), new Pipe()];
      const lines = new LinesAboveStatus();
      let status = lines.open(screen.drawing);
      const written = { screen: '', pipe: '' };
      for (const { kind, text } of actions) {
        if (kind === 'pipe') {
          lines.write(pipe, text);
          written.pipe += text;
          expect(pipe.text).toBe(written.pipe);
        } else if (kind === 'out' || kind === 'error') {
          lines.write(screen, text);
          written.screen += text;
        } else if (kind === 'draw') {
          status.draw(text);
          expect(screen).toMatchObject({ text: written.screen, status: text });
        } else if (kind === 'flush') {
          lines.flush();
          expect(screen).toMatchObject({ text: written.screen, status: '' });
        } else {
          status[Symbol.dispose]();
          expect(screen).toMatchObject({ text: written.screen, status: '' });
          status = lines.open(screen.drawing);
        }
      }
      status[Symbol.dispose]();
      expect(screen).toMatchObject({ text: written.screen, status: '' });
      lines.write(screen, 'after\n');
      expect(screen.text).toBe(`${written.screen}after\n`);
    }),
  );
});
