import type { Command } from 'commander';
import { hasCode, LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { type Cli, withExamples } from '../command.ts';
import { listVolumes } from '../objects/list-volumes.ts';
import { fetchEvents } from '../objects/show-events.ts';
import { namespaceOption, outputOption } from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import {
  describeVolume,
  objectKey,
  type VolumeDetails,
  type VolumeView,
  volumeTable,
  wideVolumeTable,
} from '../output/volume-text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly namespace?: string;
  readonly allNamespaces: boolean;
  readonly output?: 'json' | 'name' | 'wide';
};

export function volumesCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern volumes', 'lantern volumes -n team-a -o wide'])
    .addOption(namespaceOption('list only volumes of this namespace'))
    .option('-A, --all-namespaces', 'list volumes of all namespaces, as without -n', false)
    .addOption(outputOption('json', 'name', 'wide'))
    .action(async ({ namespace = '', allNamespaces, output }: Options) => {
      const wanted = allNamespaces ? '' : namespace;
      const volumes = await withDaemon(cli, command, (daemon) => listVolumes(daemon, wanted, cli.signal));
      if (output === 'json') return cli.terminal.print(formatJson(wireToJson({ volumes })));
      if (volumes.length === 0) return cli.terminal.complain('No volumes are mounted.');
      if (output === 'wide') return cli.terminal.print(wideVolumeTable(volumes, viewOf(cli)));
      if (output === undefined) return cli.terminal.print(volumeTable(volumes, viewOf(cli)));
      for (const { volumeId } of volumes) cli.terminal.print(volumeId);
    });
}

export function volumeCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern volume /dev/shm/app-secrets'])
    .argument('<ID>', 'the volume\'s id in "lantern volumes"')
    .addOption(outputOption('json'))
    .action(async (volumeId: string, options: { output?: 'json' }) => {
      await withDaemon(cli, command, async (daemon) => {
        const { volume } = await daemon.projector.getVolume({ volumeId }, { signal: cli.signal });
        if (volume === null) throw new LanternError('not-found', `volume "${volumeId}" does not exist`);
        if (options.output === 'json') return cli.terminal.print(formatJson(wireToJson(volume)));
        const [newest, events] = await Promise.all([
          newestRevisions(cli, daemon, volume),
          eventsOf(cli, daemon, volume),
        ]);
        cli.terminal.print(describeVolume({ volume, newest, events }, viewOf(cli)));
      });
    });
}

function viewOf({ terminal, clock }: Cli): VolumeView {
  return { now: clock.now(), style: terminal.style, width: terminal.columns };
}

/** Only for a volume that may not show the newest ones. Without what the store does not tell. */
async function newestRevisions(cli: Cli, daemon: LanternClient, volume: WireVolume): Promise<VolumeDetails['newest']> {
  const newest = new Map<string, string | undefined>();
  if (volume.state === 'READY' && volume.staleSince === '') return newest;
  for (const { kind, name } of volume.objects) {
    try {
      const ref = { kind, namespace: volume.namespace, name };
      const { object } = await daemon.objects.get({ ref }, { signal: cli.signal });
      newest.set(objectKey(ref), object?.metadata?.resourceVersion);
    } catch (error) {
      if (hasCode(error, 'not-found')) newest.set(objectKey({ kind, name }), undefined);
      else if (!(error instanceof LanternError) || cli.signal.aborted) throw error;
    }
  }
  return newest;
}

/** Events of a volume with a pod are the pod's, and name the volume first. */
async function eventsOf(cli: Cli, daemon: LanternClient, volume: WireVolume): Promise<readonly WireEvent[]> {
  const { volumeId, namespace, pod } = volume;
  if (pod === null || pod.name === '') {
    return fetchEvents(daemon, { namespace, involvedKind: 'Volume', involvedName: volumeId }, cli.signal);
  }
  const prefix = `volume "${volumeId}": `;
  const events = await fetchEvents(daemon, { namespace, involvedKind: 'Pod', involvedName: pod.name }, cli.signal);
  return events
    .filter(({ message }) => message.includes(prefix))
    .map((event) => ({ ...event, message: event.message.replace(prefix, '') }));
}
