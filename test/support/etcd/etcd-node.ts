import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, type LanternClient } from '../../../src/rpc/client.ts';
import { mayMount } from '../host/privileges.ts';
import { mountsBelow } from '../projection/daemon-harness.ts';
import { compiled } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';

export type EtcdNodeOptions = {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly keyFile: string;
};

/** One node of many: a real daemon in a process of its own, with binds where this machine can. It can be killed. */
export class EtcdNode implements AsyncDisposable {
  readonly targets: string;
  readonly #program = compiled('src/main.ts');
  readonly #directory = new TempDir('/dev/shm');
  readonly #options: EtcdNodeOptions;
  #process: ChildProcess | undefined;
  #client: LanternClient | undefined;

  private constructor(options: EtcdNodeOptions) {
    this.#options = options;
    this.targets = this.#directory.at('targets');
    mkdirSync(this.targets);
  }

  /** Resolves when it answers calls. */
  static async start(options: EtcdNodeOptions): Promise<EtcdNode> {
    const node = new EtcdNode(options);
    try {
      await node.begin();
      return node;
    } catch (error) {
      await node.kill();
      node.#directory[Symbol.dispose]();
      throw error;
    }
  }

  get client(): LanternClient {
    if (this.#client === undefined) throw new Error('the daemon is down');
    return this.#client;
  }

  get isUp(): boolean {
    return this.#client !== undefined;
  }

  /** Its log so far, over all restarts. */
  get log(): string {
    return readFileSync(this.#directory.at('log'), 'utf8');
  }

  get path(): string {
    return this.#directory.path;
  }

  target(name: string): string {
    return `${this.targets}/${name}`;
  }

  /** Identifies a target's mount: its line in the mount table, and its directory. */
  mounts(): readonly string[] {
    const directories = readdirSync(this.targets).map((name) => `${name} ${statSync(this.target(name)).ino}`);
    return [...mountsBelow(this.targets), ...directories];
  }

  /** Starts the daemon, on what an earlier one left. */
  async begin(): Promise<void> {
    const { endpoints, prefix, keyFile } = this.#options;
    const flags = [
      ...['--run-dir', this.#directory.at('run'), '--publisher', mayMount ? 'bind' : 'direct'],
      ...['--store', 'etcd', '--etcd-endpoints', endpoints.join(','), '--etcd-prefix', prefix, '--key-file', keyFile],
    ];
    const log = openSync(this.#directory.at('log'), 'a');
    const child = spawn(process.execPath, [this.#program, 'serve', ...flags], { stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    if (child.stdout === null) throw new Error('a stream is missing');
    this.#process = child;
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the daemon ended: ${this.log}`);
    });
    ended.catch(() => {});
    await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
    this.#client = connect(this.#directory.at('run/lantern.sock'));
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Takes every volume away, and the daemon. One that is down is started for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client === undefined) await this.begin();
    const { projector } = this.client;
    for (const { volumeId } of (await projector.listVolumes({})).volumes) await projector.unmount({ volumeId });
    await this.kill('SIGTERM');
    this.#directory[Symbol.dispose]();
  }
}
