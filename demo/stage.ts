import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dirSync } from 'tmp';
import { withoutSettings } from '../scripts/own-environment.mjs';
import { MNT_DETACH, umount } from '../src/mount/linux/system-calls.ts';

/** The real command, as a user runs it. */
export const LANTERN = join(import.meta.dirname, '../../../dist/main.js');

type StageOptions = {
  /** Of Node, for the daemon. */
  readonly nodeFlags?: readonly string[];
  /** The daemon's program, by default the real command. */
  readonly program?: string;
  /** Of the daemon and the commands, by default this process's. */
  readonly environment?: NodeJS.ProcessEnv;
};

const stages = new Set<Stage>();

/**
 * A directory of the demo's own in memory, a daemon that can be killed and started again, and the command line. A
 * signal ends this process and leaves no daemon, mount or file behind.
 */
export class Stage implements AsyncDisposable {
  readonly #temporary = dirSync({ tmpdir: '/dev/shm', template: 'lantern-demo-XXXXXX', unsafeCleanup: true });
  readonly directory = this.#temporary.name;
  readonly runDirectory = join(this.directory, 'run');
  readonly dataDirectory = join(this.directory, 'data');
  /** Without what the user has set for a daemon or a command of their own. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #nodeFlags: readonly string[];
  readonly #program: string;
  #daemon: ChildProcess | undefined;

  constructor({ nodeFlags = [], program = LANTERN, environment = process.env }: StageOptions = {}) {
    this.environment = { ...withoutSettings(environment), XDG_CONFIG_HOME: this.directory };
    this.#nodeFlags = nodeFlags;
    this.#program = program;
    stages.add(this);
  }

  get socket(): string {
    return join(this.runDirectory, 'lantern.sock');
  }

  get csiSocket(): string {
    return join(this.runDirectory, 'csi/csi.sock');
  }

  /** Of the daemon that was started last. */
  get pid(): number {
    const pid = this.#daemon?.pid;
    if (pid === undefined) throw new Error('no daemon runs');
    return pid;
  }

  at(...elements: readonly string[]): string {
    return join(this.directory, ...elements);
  }

  /** Starts the daemon, with more flags if need be, and resolves with the line it prints when it is ready. */
  async startDaemon(...flags: readonly string[]): Promise<string> {
    const directories = ['--run-dir', this.runDirectory, '--data-dir', this.dataDirectory];
    const command = [...this.#nodeFlags, this.#program, 'serve', ...directories, '--log-level', 'warn', ...flags];
    // In a session of its own: Ctrl-C is for this process, which then ends the daemon.
    const daemon = spawn(process.execPath, command, {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
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
    const options = { encoding: 'utf8', env: this.environment, maxBuffer: 2 ** 26 } as const;
    return execFileSync(process.execPath, [LANTERN, '--socket', this.socket, ...args], options);
  }

  /** The lines of the mount table for what is mounted in the directory. */
  mounts(): readonly string[] {
    const table = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return table.filter((line) => line.includes(` ${this.directory}/`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopDaemon('SIGTERM');
    this.#clear();
  }

  /** Ends the daemon without its help, and leaves nothing. Synchronous, so that nothing can come in between. */
  abandon(): void {
    const pid = this.#daemon?.pid;
    if (pid !== undefined) {
      this.#daemon?.kill('SIGKILL');
      while (isRunning(pid));
    }
    this.#clear();
  }

  #clear(): void {
    stages.delete(this);
    // What is mounted last is unmounted first.
    for (const line of this.mounts().toReversed()) umount(line.split(' ')[4] ?? '', MNT_DETACH);
    this.#temporary.removeCallback();
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const stage of stages) stage.abandon();
    process.exit(128 + constants.signals[signal]);
  });
}

/** False once the process has ended, also while Node has not yet collected it. */
function isRunning(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return status.slice(status.lastIndexOf(')') + 2, status.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
