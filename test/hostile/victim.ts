import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type LanternClient } from '../../src/rpc/client.ts';
import { mountsBelow } from '../support/projection/daemon-harness.ts';
import { endOf } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

/** A real daemon in a process of its own, which is attacked and killed. Its log is a file, at the highest verbosity. */
export class Victim implements AsyncDisposable {
  readonly #program = compiled('src/main.ts');
  readonly #monitor = compiled('test/support/host/loop-monitor.ts');
  readonly directory = new TempDir('/dev/shm');
  readonly logFile = this.directory.at('log');
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;
  #client: LanternClient | undefined;

  constructor(...flags: readonly string[]) {
    this.#flags = flags;
    for (const name of ['targets', 'outside', 'home']) mkdirSync(this.directory.at(name));
    symlinkSync(this.directory.at('outside'), this.directory.at('targets/link'));
    writeFileSync(this.directory.at('targets/file'), 'somebody else’s');
  }

  get targets(): string {
    return this.directory.at('targets');
  }

  get sockets(): readonly [lantern: string, csi: string] {
    return [this.directory.at('run/lantern.sock'), this.directory.at('run/csi/csi.sock')];
  }

  get client(): LanternClient {
    if (this.#client === undefined) throw new Error('the daemon is down');
    return this.#client;
  }

  get isAlive(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async start(): Promise<LanternClient> {
    const places = ['--run-dir', this.directory.at('run'), '--data-dir', this.directory.at('home/data')];
    const flags = ['--publisher', 'bind', '--target-root', this.targets, '--sync-period', '5s', ...this.#flags];
    const args = ['--import', this.#monitor, this.#program, 'serve', ...places, ...flags];
    const env = { ...process.env, LANTERN_LOOP_FILE: this.directory.at('loop') };
    const daemon = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', openSync(this.logFile, 'a')] });
    this.#process = daemon;
    const ended = once(daemon, 'exit').then(([code]) => {
      throw new Error(`the daemon ended with ${code}: ${readFileSync(this.logFile, 'utf8').slice(-2_000)}`);
    });
    ended.catch(() => {});
    await Promise.race([once(daemon.stdout ?? daemon, 'data'), ended]);
    this.#client = connect(this.sockets[0]);
    return this.#client;
  }

  async kill(): Promise<void> {
    const daemon = this.#process;
    if (daemon === undefined) return;
    const exited = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await exited;
    this.#client?.close();
  }

  /** From now on turns are measured. */
  watchTurns(): void {
    writeFileSync(this.directory.at('loop'), '0');
  }

  /** The longest that one turn of the event loop kept the processor, in milliseconds, and between which times. */
  get longestTurn(): { readonly ms: number; readonly from: number; readonly to: number } {
    const [ms = 0, from = 0, to = 0] = readFileSync(this.directory.at('loop'), 'utf8').split(' ').map(Number);
    return { ms, from, to };
  }

  /** Its open descriptors, and the mounts below its directory. */
  get holdings(): { readonly descriptors: number; readonly mounts: number } {
    const descriptors = readdirSync(`/proc/${this.#process?.pid}/fd`).length;
    return { descriptors, mounts: mountsBelow(this.directory.path).length };
  }

  async unmountAll(): Promise<void> {
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { volumes, nextPageToken } = await this.client.projector.listVolumes({ pageToken: token });
      for (const { volumeId } of volumes) await this.client.projector.unmount({ volumeId });
      token = nextPageToken || undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) await this.start();
    await this.unmountAll();
    this.#client?.close();
    if (this.#process !== undefined) await endOf(this.#process, 'SIGTERM');
    this.directory[Symbol.dispose]();
  }
}
