import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import { checkHealth } from '../../operations/check-health.ts';
import { STORE_SERVICE } from '../../rpc/services.ts';
import { type Cli, withExamples } from '../command.ts';
import { socketOf } from '../with-daemon.ts';

const TIMEOUT_MS = 5_000;

/** For health checks of containers without a shell or grpcurl. */
export function healthCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern health', 'lantern health --socket /run/lantern/lantern.sock']).action(
    async (_flags: unknown) => {
      const socket = socketOf(cli, command);
      const health = await checkHealth(socket, cli.signal, TIMEOUT_MS);
      if (health.status !== 'serving') {
        const problem = 'problem' in health ? health.problem : 'it is starting or stopping';
        throw new LanternError('unavailable', `the daemon at "${socket}" is not serving: ${problem}`);
      }
      const store = await checkHealth(socket, cli.signal, TIMEOUT_MS, STORE_SERVICE);
      // The exit code stays 0: volumes are served, and a restart would not make room.
      const isFull = store.status === 'not-serving';
      cli.terminal.print(isFull ? "serving, but objects cannot be stored; see the daemon's log" : 'serving');
    },
  );
}
