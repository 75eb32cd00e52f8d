import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { dockerTools, engineAnswers } from '../../../scripts/docker.mjs';
import { mountsBelow } from '../projection/daemon-harness.ts';
import { TempDir } from '../suite/temp-dir.ts';

const execute = promisify(execFile);
const START_MS = 60_000;
const NOWHERE = '\0';

/**
 * A real Docker engine: the one that answers, else one of our own, which ends with the test. Ours has no bridge and
 * touches no firewall rule, so the machine's network stays as it was.
 */
export class DockerEngine implements AsyncDisposable {
  readonly #directory: TempDir | undefined;
  #process: ChildProcess | undefined;
  /** For programs that talk to it. */
  readonly environment: Readonly<Record<string, string>>;

  private constructor(own: { readonly directory: TempDir; readonly process: ChildProcess } | undefined) {
    this.#directory = own?.directory;
    this.#process = own?.process;
    this.environment = own === undefined ? {} : { DOCKER_HOST: hostOf(own.directory) };
  }

  static async start(): Promise<DockerEngine> {
    if (engineAnswers()) return new DockerEngine(undefined);
    const directory = new TempDir();
    const engine = new DockerEngine({ directory, process: startEngine(directory) });
    try {
      await engine.#answers();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** True for one that the test started, and may end. */
  get isOwn(): boolean {
    return this.#directory !== undefined;
  }

  /** Ends it by the signal and starts it again, unless it is not the test's own. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    if (this.#directory === undefined || this.#process === undefined) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
    // The run adopts the engine's containerd and reaps it late. To the next engine a zombie is a running one.
    rmSync(this.#directory.at('exec/containerd/containerd.pid'), { force: true });
    // What an engine that was killed started may be there for a moment, and keep the next one from starting.
    for (const deadline = Date.now() + START_MS; ; ) {
      this.#process = startEngine(this.#directory);
      try {
        await this.#answers();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  /** The command's stdout. Fails with its stderr. */
  async docker(...args: readonly string[]): Promise<string> {
    return await this.#run(tools().docker, args, {});
  }

  /** The lines the command prints, as they come. It ends with the container that it works in. */
  async *lines(...args: readonly string[]): AsyncGenerator<string, void> {
    const [command = '', ...first] = tools().docker;
    const env = { ...process.env, ...this.environment };
    const { stdout } = spawn(command, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    yield* createInterface({ input: stdout });
  }

  async compose(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<string> {
    return await this.#run(tools().compose, args, environment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined && this.#process.exitCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await ended;
    }
    // The engine leaves the namespace of its host network mounted.
    for (const line of mountsBelow(this.#directory?.path ?? NOWHERE))
      execFileSync('umount', [line.split(' ')[4] ?? '']);
    this.#directory?.[Symbol.dispose]();
  }

  async #run(
    [command = '', ...first]: readonly string[],
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<string> {
    const env = { ...process.env, ...this.environment, ...environment };
    const { stdout } = await execute(command, [...first, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  /** The engine says nothing when it is ready: asking is all there is. */
  async #answers(): Promise<void> {
    for (const deadline = Date.now() + START_MS; ; await delay(250)) {
      try {
        await this.docker('info');
        return;
      } catch (error) {
        if (Date.now() > deadline || this.#process?.exitCode !== null) throw error;
      }
    }
  }
}

function startEngine(directory: TempDir): ChildProcess {
  const log = openSync(directory.at('dockerd.log'), 'a');
  const places = [
    '--data-root',
    directory.at('data'),
    '--exec-root',
    directory.at('exec'),
    '--pidfile',
    directory.at('pid'),
  ];
  const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
  return spawn('dockerd', ['-H', hostOf(directory), ...places, ...network], { stdio: ['ignore', log, log] });
}

function hostOf(directory: TempDir): string {
  return `unix://${directory.at('docker.sock')}`;
}

function tools() {
  const found = dockerTools();
  if (found === undefined) throw new Error('docker or compose is missing');
  return found;
}
