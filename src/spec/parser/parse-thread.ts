import { parentPort } from 'node:worker_threads';
import { type ParseInput, type ParseTask, parseNow } from './parse-tasks.ts';

/** Messages to and from the thread. A failure carries no text, which could quote the input. */
export type ThreadRequest = { readonly task: ParseTask; readonly input: ParseInput<ParseTask> };
export type ThreadAnswer = { readonly ok: true; readonly output: unknown } | { readonly ok: false };

// The script of a worker thread; see ThreadParser.
parentPort?.on('message', ({ task, input }: ThreadRequest) => {
  parentPort?.postMessage(answerTo(task, input));
});

function answerTo(task: ParseTask, input: ParseInput<ParseTask>): ThreadAnswer {
  try {
    return { ok: true, output: parseNow(task, input) };
  } catch {
    return { ok: false };
  }
}
