import { readFileSync } from 'node:fs';

/** What is assumed where the kernel does not say: the least that a process usually has. */
const USUAL = 1_024;
/** Larger ones, and "unlimited", are this: nothing here needs more. */
const MOST = 1_048_576;

/** How many descriptors this process may have open (RLIMIT_NOFILE; Node raises the soft limit to the hard one at its start). */
export function descriptorLimit(read: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const soft = /^Max open files +(\S+)/m.exec(read())?.[1];
    if (soft === 'unlimited') return MOST;
    return soft !== undefined && /^\d+$/.test(soft) ? Math.min(MOST, Number(soft)) : USUAL;
  } catch {
    return USUAL;
  }
}
