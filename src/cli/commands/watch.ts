import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand, outputOption } from '../define-command.ts';
import { eventLine } from '../output/event-line.ts';
import { wireToJson } from '../output/structured.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly existing: boolean; readonly output?: 'json' };

/** `lantern watch`: a line per event until a signal ends it, which is its regular end. */
export function watchCommand(cli: Cli): Command {
  return defineCommand('watch', 'Show what happens to volumes, a line per event, until interrupted.', [
    'lantern watch',
    'lantern watch /dev/shm/app-secrets -o json',
  ])
    .argument('[ID]', 'only this volume')
    .option('--existing', 'start with what is mounted already', false)
    .addOption(outputOption('json'))
    .action(async (volumeId: string | undefined, options: Options, command: Command) => {
      const request = { volumeId: volumeId ?? '', includeExisting: options.existing };
      await withDaemon(cli, command, async (daemon) => {
        try {
          for await (const event of daemon.projector.watchVolumes(request, { signal: cli.signal })) {
            const json = options.output === 'json';
            cli.terminal.print(json ? JSON.stringify(wireToJson(event)) : eventLine(event, cli.terminal.style));
          }
        } catch (error) {
          if (!cli.signal.aborted) throw error;
        }
      });
    });
}
