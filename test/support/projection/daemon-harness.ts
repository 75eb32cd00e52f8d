import { mkdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createLog } from '../../../src/base/log.ts';
import { type Config, parseConfig } from '../../../src/config/config.ts';
import { Daemon } from '../../../src/daemon.ts';
import { connect, type LanternClient } from '../../../src/rpc/client.ts';
import { builtPage, compiled } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';

/**
 * A real daemon in this process, reached over its real socket, in a memory directory of its own. `restart` is an
 * upgrade: the daemon ends, mounts stay, a new one starts in the same run directory.
 */
export class DaemonHarness implements AsyncDisposable {
  readonly directory: TempDir;
  readonly #flags: Readonly<Record<string, unknown>>;
  readonly #stop = new AbortController();
  /** Every log line, at the highest verbosity. */
  readonly logLines: string[] = [];
  #daemon: Daemon | undefined;
  #client: LanternClient | undefined;

  private constructor(flags: Readonly<Record<string, unknown>>) {
    this.directory = new TempDir('/dev/shm');
    this.#flags = flags;
    mkdirSync(this.directory.at('targets'));
  }

  /** `flags` by commander's attribute names, e.g. `{ poolSize: '1Mi' }`. */
  static async start(flags: Readonly<Record<string, unknown>> = {}): Promise<DaemonHarness> {
    const harness = new DaemonHarness(flags);
    try {
      await harness.begin();
    } catch (error) {
      harness.directory[Symbol.dispose]();
      throw error;
    }
    return harness;
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('the daemon is down');
    return this.#daemon;
  }

  get client(): LanternClient {
    if (this.#client === undefined) throw new Error('the daemon is down');
    return this.#client;
  }

  get runDirectory(): string {
    return this.directory.at('run');
  }

  get lanternSocket(): string {
    return this.directory.at('run/lantern.sock');
  }

  target(name: string): string {
    return this.directory.at('targets', name);
  }

  async begin(): Promise<void> {
    const flags = { runDir: this.runDirectory, dataDir: this.directory.at('data'), ...this.#flags };
    const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const result = parseConfig(flags, { environment: {}, user, hostname: 'test-node' });
    if (!result.ok) throw new Error(JSON.stringify(result.faults));
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    this.#daemon = await Daemon.start(result.value satisfies Config, {
      version,
      log: createLog('trace', 'json', { write: (line) => void this.logLines.push(line) }),
      // Its script is a process of its own, as far as Node 20 is concerned.
      parseThread: () => pathToFileURL(compiled('src/spec/parser/parse-thread.ts')),
      pageFiles: builtPage,
      signal: this.#stop.signal,
    });
    this.#client = connect(result.value.lanternSocket);
  }

  /** Ends the daemon; what is mounted stays. */
  async end(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#daemon?.[Symbol.asyncDispose]();
    this.#daemon = undefined;
  }

  async restart(): Promise<void> {
    await this.end();
    await this.begin();
  }

  async applySecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const bytes = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)]));
    await this.client.objects.apply({ object: { metadata: { name }, secret: { data: bytes } } });
    await this.daemon.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon === undefined) await this.begin();
    for (const { volumeId, publications } of (await this.client.projector.listVolumes({})).volumes) {
      for (const { targetPath } of publications) await this.client.projector.unmount({ volumeId, targetPath });
    }
    await this.end();
    this.#stop.abort();
    this.directory[Symbol.dispose]();
  }
}

/** The lines of the mount table that mention this path. */
export function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${path}`));
}
