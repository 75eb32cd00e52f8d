import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dirSync } from 'tmp';

/** The real command, as a user runs it. */
const LANTERN = join(import.meta.dirname, '../../../dist/main.js');

/** A directory of the demo's own in memory, a daemon that can be killed and started again, and the command line. */
export class Stage implements AsyncDisposable {
  readonly #temporary = dirSync({ tmpdir: '/dev/shm', template: 'lantern-demo-XXXXXX', unsafeCleanup: true });
  readonly directory = this.#temporary.name;
  readonly runDirectory = join(this.directory, 'run');
  readonly dataDirectory = join(this.directory, 'data');
  #daemon: ChildProcess | undefined;

  get socket(): string {
    return join(this.runDirectory, 'lantern.sock');
  }

  at(...elements: readonly string[]): string {
    return join(this.directory, ...elements);
  }

  /** Starts the daemon, with more flags if need be, and resolves with the line it prints when it is ready. */
  async startDaemon(...flags: readonly string[]): Promise<string> {
    const directories = ['--run-dir', this.runDirectory, '--data-dir', this.dataDirectory];
    const daemon = spawn(process.execPath, [LANTERN, 'serve', ...directories, '--log-level', 'warn', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#daemon = daemon;
    const exited = once(daemon, 'exit').then(() => {
      throw new Error('the daemon ended before it was ready');
    });
    exited.catch(() => {});
    const [line] = await Promise.race([once(createInterface({ input: daemon.stdout }), 'line'), exited]);
    return String(line);
  }

  /** Ends the daemon by a signal and waits until it is gone; resolves with its exit code, null when killed. */
  async stopDaemon(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return daemon?.exitCode ?? null;
    daemon.kill(signal);
    await once(daemon, 'exit');
    return daemon.exitCode;
  }

  /** Runs `lantern …` in a process of its own and returns what it printed. */
  lantern(...args: readonly string[]): string {
    return execFileSync(process.execPath, [LANTERN, '--socket', this.socket, ...args], { encoding: 'utf8' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopDaemon('SIGTERM');
    this.#temporary.removeCallback();
  }
}
