import { type ParseInput, type ParseOutput, type ParseTask, parseNow } from './parse-tasks.ts';

/**
 * Parses what came from outside and is within its limits (`docs/limits.md`). What that costs is up to the input: a second
 * of processor time for the largest.
 */
export interface Parser {
  /** Rejects with the signal's reason, or with `resource-exhausted` when the input takes more memory or time than there is. */
  run<Task extends ParseTask>(task: Task, input: ParseInput<Task>, signal: AbortSignal): Promise<ParseOutput<Task>>;
}

/** Parses at once, on the thread that asks: for a process that has nobody waiting. */
export const parserHere: Parser = {
  async run(task, input) {
    return parseNow(task, input);
  },
};
