import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { type Cli, withExamples } from '../command.ts';
import { namespaceOption, outputOption } from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { describeVolume, volumeTable } from '../output/volume-text.ts';
import { allPages, withDaemon } from '../with-daemon.ts';

type Options = { readonly namespace?: string; readonly output?: 'json' | 'name' | 'wide' };

export function volumesCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern volumes', 'lantern volumes -n team-a -o wide'])
    .addOption(namespaceOption('list only volumes of this namespace'))
    .addOption(outputOption('json', 'name', 'wide'))
    .action(async ({ namespace, output }: Options) => {
      const volumes = await withDaemon(cli, command, (daemon) => listVolumes(cli, daemon, namespace));
      if (output === 'json') return cli.terminal.print(formatJson(wireToJson({ volumes })));
      if (volumes.length === 0) return cli.terminal.complain('No volumes are mounted.');
      if (output !== 'name')
        return cli.terminal.print(volumeTable(volumes, output === 'wide', Date.now(), cli.terminal.style));
      for (const { volumeId } of volumes) cli.terminal.print(volumeId);
    });
}

/** Sorted by id. An empty namespace means all. */
export function listVolumes(cli: Cli, daemon: LanternClient, namespace = ''): Promise<WireVolume[]> {
  return allPages(
    (pageToken) => daemon.projector.listVolumes({ namespace, pageToken }, { signal: cli.signal }),
    (page) => page.volumes,
  );
}

export function volumeCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern volume /dev/shm/app-secrets'])
    .argument('<ID>', 'the volume\'s id in "lantern volumes"')
    .addOption(outputOption('json'))
    .action(async (volumeId: string, options: { output?: 'json' }) => {
      const { volume } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.getVolume({ volumeId }, { signal: cli.signal }),
      );
      if (volume === null) throw new LanternError('not-found', `volume "${volumeId}" does not exist`);
      const json = options.output === 'json';
      cli.terminal.print(json ? formatJson(wireToJson(volume)) : describeVolume(volume, cli.terminal.style));
    });
}
