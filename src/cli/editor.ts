import { spawn } from 'node:child_process';
import { LanternError, toLanternError } from '../base/errors.ts';

/** The user's editor, a shell command that is given the file: $KUBE_EDITOR, $VISUAL, $EDITOR, or vi. */
export function editorOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.KUBE_EDITOR || environment.VISUAL || environment.EDITOR || 'vi';
}

/**
 * Lets the editor work on the file, in this terminal, until it ends; throws `failed-precondition` when it says that it
 * failed. An abort asks it to end, and `cancelled` is thrown once it has.
 */
export async function runEditor(editor: string, file: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // In the shell's place, so that a signal reaches the editor itself.
  const child = spawn('/bin/sh', ['-c', `exec ${editor} "$@"`, 'sh', file], { stdio: 'inherit' });
  const ask = () => child.kill('SIGTERM');
  signal.addEventListener('abort', ask);
  try {
    const ending = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, name) => resolve(code === null ? `was ended by ${name}` : `ended with ${code}`));
    });
    signal.throwIfAborted();
    if (ending === 'ended with 0') return;
    throw new LanternError('failed-precondition', `edit with "${editor}": the editor ${ending}; nothing is changed`);
  } catch (error) {
    throw toLanternError(error, `edit with "${editor}"`);
  } finally {
    signal.removeEventListener('abort', ask);
  }
}
