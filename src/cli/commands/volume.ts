import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import type { Cli } from '../cli.ts';
import { defineCommand, outputOption } from '../define-command.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { describeVolume } from '../output/volume-text.ts';
import { withDaemon } from '../with-daemon.ts';

/** `lantern volume ID`: all there is to say about one volume; no contents. */
export function volumeCommand(cli: Cli): Command {
  return defineCommand('volume', 'Show one volume: files, targets, revisions, last error.', [
    'lantern volume /dev/shm/app-secrets',
  ])
    .argument('<ID>', 'as `lantern volumes` shows it')
    .addOption(outputOption('json'))
    .action(async (volumeId: string, options: { output?: 'json' }, command: Command) => {
      const { volume } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.getVolume({ volumeId }, { signal: cli.signal }),
      );
      if (volume === null) throw new LanternError('not-found', `show volume "${volumeId}": there is no such volume`);
      const json = options.output === 'json';
      cli.terminal.print(json ? formatJson(wireToJson(volume)) : describeVolume(volume, cli.terminal.style));
    });
}
