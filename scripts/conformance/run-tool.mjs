import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A tool that runs longer is stuck, milliseconds. */
const LONGEST_MS = 240_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs a program to its end. Resolves with what it printed and its exit code, whatever that is; rejects when it cannot
 * be started, or is stopped by `signal`.
 *
 * @param {string} path
 * @param {readonly string[]} args
 * @param {{ cwd?: string, input?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, timeout?: number }} [options]
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export async function runTool(path, args, { input, ...options } = {}) {
  const running = execute(path, args, { timeout: LONGEST_MS, ...options, maxBuffer: MAX_OUTPUT_BYTES });
  // A program that ends without having read says by its exit code what it thinks of that.
  running.child.stdin?.on('error', () => {}).end(input);
  try {
    return { code: 0, ...(await running) };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = /** @type {any} */ (error);
    if (typeof code === 'number') return { code, stdout, stderr };
    throw error;
  }
}
