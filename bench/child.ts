import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A program of this folder in a process of its own, which answers each task with one message. */
export class Child<Task extends object, Answer> implements AsyncDisposable {
  readonly #process: ChildProcess;

  constructor(program: string, { args = [] as readonly string[], nodeFlags = [] as readonly string[] } = {}) {
    const options = { execArgv: [...nodeFlags], serialization: 'advanced' as const };
    this.#process = fork(join(import.meta.dirname, program), [...args], options);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async ask(task: Task): Promise<Answer> {
    const stop = new AbortController();
    const over = once(this.#process, 'exit', stop).then(() =>
      Promise.reject(new Error('a process of the bench ended')),
    );
    over.catch(() => {});
    try {
      const answer = once(this.#process, 'message', stop);
      this.#process.send(task);
      const [message] = await Promise.race([answer, over]);
      return message as Answer;
    } finally {
      stop.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const over = once(this.#process, 'exit');
    this.#process.kill();
    await over;
  }
}

/** In the child: answers every task, an error ends the process. It ends with its parent, too. */
export function answerTasks<Task>(answer: (task: Task) => unknown): void {
  process.on('message', async (task: Task) => {
    process.send?.((await answer(task)) ?? {});
  });
  process.on('disconnect', () => process.exit());
}
