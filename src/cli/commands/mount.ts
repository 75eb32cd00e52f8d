import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand, outputOption } from '../define-command.ts';
import { parseDuration } from '../duration.ts';
import { printable } from '../output/printable.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { absoluteTarget, volumeIdFor } from '../target.ts';
import { addVolumeOptions, type VolumeOptions, volumeRequest } from '../volume-request.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = VolumeOptions & {
  readonly id?: string;
  readonly subPath?: string;
  readonly wait?: number;
  readonly output?: 'json';
};

/** `lantern mount`. Again for the same target it refreshes the contents; the mount stays as it is. */
export function mountCommand(cli: Cli): Command {
  const command = defineCommand('mount', 'Make a volume visible at a target path.', [
    'lantern mount --secret mysecret /dev/shm/app-secrets',
    'lantern mount -f volume.yaml /dev/shm/app-secrets --wait 30s',
    'lantern mount -f volume.yaml /dev/shm/password --sub-path password',
  ]).argument('<TARGET>', 'the path; its parent must exist');
  return addVolumeOptions(command)
    .option('--id <ID>', "the volume's id (default: made from the target)")
    .option('--sub-path <PATH>', 'only this file or directory of the volume, as it is now, never updated')
    .addOption(new Option('--wait <DURATION>', 'wait that long for missing objects, e.g. 30s').argParser(parseDuration))
    .addOption(outputOption('json'))
    .action(async (givenTarget: string, options: Options, command: Command) => {
      const target = absoluteTarget(givenTarget);
      const request = {
        ...(await volumeRequest(options, cli.terminal)),
        volumeId: options.id ?? volumeIdFor(target),
        targetPath: target,
        subPath: options.subPath ?? '',
        waitForObjects: options.wait !== undefined,
      };
      await withDaemon(cli, command, async (daemon) => {
        const call = { signal: cli.signal, ...(options.wait === undefined ? {} : { deadlineMs: options.wait }) };
        const { volume } = await daemon.projector.mount(request, call);
        const files = volume?.files.length ?? 0;
        const line = `volume "${printable(request.volumeId)}" mounted at ${printable(target)} (${files} ${files === 1 ? 'file' : 'files'})`;
        cli.terminal.print(options.output === 'json' ? formatJson(wireToJson(volume)) : line);
      });
    });
}
