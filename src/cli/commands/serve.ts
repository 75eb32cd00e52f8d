import type { Command } from 'commander';
import { type Config, parseConfig } from '../../config/config.ts';
import { OPTION_NAMES } from '../../config/given-options.ts';
import { type Cli, withExamples } from '../command.ts';
import { listFaults, wrongUsage } from '../exit.ts';
import { addConfigOptions } from '../store-options.ts';

/** Runs a daemon until the signal aborts. Calls `onReady` with the line to print when it is ready. */
export type RunDaemon = (config: Config, signal: AbortSignal, onReady: (line: string) => void) => Promise<void>;

export function serveCommand(command: Command, cli: Cli, { runDaemon }: { readonly runDaemon: RunDaemon }): void {
  withExamples(command, ['lantern serve', 'lantern serve --manifests /etc/lantern --pool-size 16Mi']);
  addConfigOptions(command, OPTION_NAMES, { isGrouped: true });
  command.action(async (flags: Record<string, unknown>) => {
    if (command.optsWithGlobals().socket !== undefined) {
      throw wrongUsage('--socket is for the other commands; serve creates its sockets in --run-dir');
    }
    const config = parseConfig(flags, cli);
    if (!config.ok) throw wrongUsage(listFaults(config.faults));
    await runDaemon(config.value, cli.signal, cli.terminal.print);
  });
}
