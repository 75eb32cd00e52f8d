import { closeSync, openSync, readdirSync } from 'node:fs';
import koffi from 'koffi';

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
