import { forbidCoreFiles, setNotDumpable } from './system-calls.ts';

/** Keeps the secrets in this process's memory in it: no core file, no ptrace, no /proc/<pid>/mem for the same user. */
export function hardenProcess(): void {
  forbidCoreFiles();
  setNotDumpable();
}
