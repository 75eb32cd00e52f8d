import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { descendantsOf, send } from '../../../scripts/leftovers.mjs';
import { compiled, TOP } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'boot.sh');
/** Where systemd looks for programs. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * A systemd that boots in namespaces, on a copy of this machine in memory (see `boot.sh`), with this checkout in the
 * place of the package that npm would install. Its end leaves nothing.
 */
export class BootedSystemd implements AsyncDisposable {
  readonly #directory: TempDir;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(directory: TempDir, child: ChildProcess, pid: number) {
    this.#directory = directory;
    this.#child = child;
    this.#pid = pid;
  }

  static async boot(): Promise<BootedSystemd> {
    // It also brings `dist` up to date.
    compiled('src/main.ts');
    const directory = new TempDir();
    const args = ['--mount', 'sh', SCRIPT, directory.path, basename(directory.path)];
    const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const complaints: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text) => complaints.push(text));
    try {
      const pid = await vi.waitFor(() => pidOfSystemd(child));
      const booted = new BootedSystemd(directory, child, pid);
      await vi.waitFor(() => booted.shell('systemctl is-active booted.target'));
      await booted.#install();
      return booted;
    } catch (error) {
      await end(child);
      directory[Symbol.dispose]();
      throw new Error(`systemd does not boot: ${complaints.join('')}`, { cause: error });
    }
  }

  /** The standard output of commands that succeed, as root. */
  async shell(commands: string): Promise<string> {
    const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup', '--root', '--wd'];
    const environment = ['env', '-i', `PATH=${PATH}:${dirname(process.execPath)}`, 'HOME=/root', 'LANG=C.UTF-8'];
    const args = ['--target', `${this.#pid}`, ...namespaces, ...environment, 'sh', '-ec', commands];
    const { stdout } = await run('nsenter', args);
    return stdout;
  }

  /** Values of `systemctl show`. */
  async show(unit: string, ...properties: readonly string[]): Promise<Record<string, string>> {
    const text = await this.shell(`systemctl show --property=${properties.join()} ${unit}`);
    return Object.fromEntries(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
  }

  writeFile(path: string, contents: string): void {
    const inside = this.#at(path);
    mkdirSync(dirname(inside), { recursive: true });
    writeFileSync(inside, contents);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
    this.#directory[Symbol.dispose]();
  }

  #at(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** What `npm install -g lantern` does, and the links for an npm that installs elsewhere. */
  async #install(): Promise<void> {
    const modules = (await this.shell('npm root -g')).trim();
    mkdirSync(this.#at(modules), { recursive: true });
    symlinkSync(TOP, this.#at(`${modules}/lantern`));
    symlinkSync(`${modules}/lantern/dist/main.js`, this.#at('/usr/local/bin/lantern'));
    if (!existsSync(this.#at('/usr/local/bin/node'))) symlinkSync(process.execPath, this.#at('/usr/local/bin/node'));
  }
}

/** Throws while it is not there yet. */
function pidOfSystemd({ pid, exitCode }: ChildProcess): number {
  if (pid === undefined || exitCode !== null) throw new Error(`systemd ended with ${exitCode}`);
  const found = descendantsOf(pid).find(({ command }) => command.startsWith('/usr/lib/systemd/systemd '));
  if (found === undefined) throw new Error('systemd has not begun');
  return found.pid;
}

/** All processes in the namespace end with its first one. The script then removes the cgroups. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  try {
    send(pidOfSystemd(child), 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
  await ended;
}
