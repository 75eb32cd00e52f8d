import type { Clock } from '../base/clock.ts';
import type { User } from '../config/run-directory.ts';
import type { Terminal } from './terminal.ts';

/** What every command has at hand. */
export type Cli = {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly clock: Clock;
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
};
