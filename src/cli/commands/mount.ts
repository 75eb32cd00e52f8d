import type { Command } from 'commander';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountRequest } from '../../rpc/generated/lantern/v1/MountRequest.ts';
import type { MountResponse__Output as MountResponse } from '../../rpc/generated/lantern/v1/MountResponse.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { type Cli, withExamples } from '../command.ts';
import { outputOption, waitOption } from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { formatAge } from '../output/table.ts';
import { printable } from '../output/text.ts';
import { addVolumeOptions, type VolumeOptions, volumeRequest } from '../pods/volume-request.ts';
import { ShownProgress } from '../shown-progress.ts';
import { absoluteTarget, volumeIdFor } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = VolumeOptions & {
  readonly id?: string;
  readonly subPath?: string;
  readonly wait?: number;
  readonly output?: 'json';
};

type Mounting = MountRequest & { readonly volumeId: string; readonly targetPath: string };

/** A repeat for the same target refreshes the contents and leaves the mount alone. */
export function mountCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern mount --secret mysecret /dev/shm/app-secrets',
    'lantern mount -f volume.yaml /dev/shm/app-secrets --wait 30s',
    'lantern mount -f volume.yaml /dev/shm/password --sub-path password',
  ]).argument('<TARGET>', 'path to mount at; its parent must exist');
  addVolumeOptions(command)
    .option('--id <ID>', "the volume's id (default: derived from the target)")
    .option('--sub-path <PATH>', 'mount only this file or directory, which is then never updated')
    .addOption(waitOption())
    .addOption(outputOption('json'))
    .action(async (givenTarget: string, options: Options) => {
      const target = absoluteTarget(givenTarget);
      const request: Mounting = {
        ...(await volumeRequest(options, cli.terminal)),
        volumeId: options.id ?? volumeIdFor(target),
        targetPath: target,
        subPath: options.subPath ?? '',
      };
      await withDaemon(cli, command, async (daemon) => {
        const { volume } = await mount(cli, daemon, request, options.wait);
        cli.terminal.print(options.output === 'json' ? formatJson(wireToJson(volume)) : mountedLine(request, volume));
      });
    });
}

/** With `waitMs` it waits for missing objects. At the deadline the daemon names them. */
async function mount(
  cli: Cli,
  daemon: LanternClient,
  request: MountRequest,
  waitMs: number | undefined,
): Promise<MountResponse> {
  if (waitMs === undefined) return await daemon.projector.mount(request, { signal: cli.signal });
  using progress = new ShownProgress(cli);
  progress.begin(`waiting for missing objects, ${formatAge(waitMs)} at most`);
  const patient = { ...request, waitForObjects: true };
  return await daemon.projector.mount(patient, { signal: cli.signal, deadlineMs: waitMs });
}

function mountedLine({ volumeId, targetPath }: Mounting, volume: WireVolume | null): string {
  const files = volume?.files.length ?? 0;
  const count = `${files} ${files === 1 ? 'file' : 'files'}`;
  return `volume "${printable(volumeId)}" mounted at ${printable(targetPath)} (${count})`;
}
