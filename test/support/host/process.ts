import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import koffi from 'koffi';

/** How many descriptors this process has open: the same before and after whatever must close its own. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/**
 * This process's processor time so far, in milliseconds. A limit on it holds on a busy machine too. The runner
 * runs one file at a time in a process.
 */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** A process that answers each command line with a line of its own. */
export class Shell implements AsyncDisposable {
  readonly #process;
  readonly #lines;

  constructor(...command: readonly string[]) {
    const [file = 'sh', ...args] = [...command, 'sh'];
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async run(command: string): Promise<string> {
    this.#process.stdin.write(`${command}\n`);
    return String((await this.#lines.next()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** A TCP port of this machine's own address that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Runs the action when the process can open this many files and no more; what it throws is returned. */
export function withDescriptors(left: number, action: () => unknown): unknown {
  const held: number[] = [];
  const hold = () => {
    try {
      held.push(openSync('/dev/null', 'r'));
      return true;
    } catch {
      return false;
    }
  };
  // As many as there are numbers below it, so that the limit need not be known.
  const soft = Math.max(...readdirSync('/proc/self/fd').map(Number)) + 16;
  const restore = limitDescriptors(soft);
  try {
    while (hold());
    for (const fd of held.splice(0, left)) closeSync(fd);
    action();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    restore();
    for (const fd of held) closeSync(fd);
  }
}

/** Sets the soft limit; the function returned sets it back. */
function limitDescriptors(soft: number): () => void {
  const RLIMIT_NOFILE = 7;
  const libc = koffi.load(null);
  const before = Buffer.alloc(16);
  const call = (name: string, limits: Buffer): void => {
    const result: number = libc.func(name, 'int', ['int', 'void *'])(RLIMIT_NOFILE, limits);
    if (result !== 0) throw new Error(`${name} failed`);
  };
  call('getrlimit', before);
  const limits = Buffer.from(before);
  limits.writeBigUInt64LE(BigInt(soft), 0);
  call('setrlimit', limits);
  return () => call('setrlimit', before);
}
