import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process that answers each command line with a line of its own. */
export class Shell implements AsyncDisposable {
  readonly #process;
  readonly #lines;

  constructor(...command: readonly string[]) {
    const [file = 'sh', ...args] = [...command, 'sh'];
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async run(command: string): Promise<string> {
    this.#process.stdin.write(`${command}\n`);
    return String((await this.#lines.next()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}
