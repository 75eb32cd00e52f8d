import { forbidCoreFiles, setNotDumpable } from './system-calls.ts';

/**
 * Keeps the secrets in this process's memory in it: no core file, no ptrace, no /proc/<pid>/mem for the same user, and no
 * debugger, which Node starts on a port of loopback, open to every user of the machine, when SIGUSR1 has no listener.
 */
export function hardenProcess(): void {
  forbidCoreFiles();
  setNotDumpable();
  if (!process.listeners('SIGUSR1').includes(ignore)) process.on('SIGUSR1', ignore);
}

function ignore(): void {}
