import type { Command } from 'commander';
import type { LanternClient } from '../../rpc/client.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { printable } from '../output/printable.ts';
import { absoluteTarget, volumeIdFor } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';
import { listVolumes } from './volumes.ts';

type Options = { readonly id?: string; readonly all: boolean };

/** What to take away; all targets of the volume where `target` is undefined. */
type Unmounting = { readonly volumeId: string; readonly target: string | undefined };

/** `lantern unmount`. What is not mounted is fine, as with the calls behind it. */
export function unmountCommand(cli: Cli): Command {
  return defineCommand('unmount', 'Take a volume away from a target, or from all of its targets.', [
    'lantern unmount /dev/shm/app-secrets',
    'lantern unmount --id app --all',
  ])
    .argument('[TARGET]', 'where the volume is mounted')
    .option('--id <ID>', "the volume's id; needed only where the target does not tell")
    .option('--all', 'all targets of the volume with that id', false)
    .action(async (target: string | undefined, options: Options, command: Command) => {
      checkUsage(target, options);
      await withDaemon(cli, command, async (daemon) => {
        const what = await find(cli, daemon, target, options);
        await daemon.projector.unmount(
          { volumeId: what.volumeId, targetPath: what.target ?? '' },
          { signal: cli.signal },
        );
        const from = what.target === undefined ? 'all of its targets' : printable(what.target);
        cli.terminal.print(`volume "${printable(what.volumeId)}" unmounted from ${from}`);
      });
    });
}

function checkUsage(target: string | undefined, { id, all }: Options): void {
  if (all && id === undefined) throw wrongUsage('--all needs --id: it means all targets of one volume');
  if (target === undefined && id === undefined) throw wrongUsage('say what to unmount: TARGET, or --id ID with --all');
  if (all && target !== undefined) throw wrongUsage('give either a TARGET or --all');
  if (target === undefined && !all) throw wrongUsage('give a TARGET, or --all for all targets of the volume');
}

/** The id behind a target is the daemon's to know: whoever mounted it may have chosen any. */
async function find(cli: Cli, daemon: LanternClient, given: string | undefined, { id }: Options): Promise<Unmounting> {
  if (given === undefined) return { volumeId: id ?? '', target: undefined };
  const target = absoluteTarget(given);
  if (id !== undefined) return { volumeId: id, target };
  const volumes = await listVolumes(cli, daemon);
  const mounted = volumes.find(({ publications }) => publications.some(({ targetPath }) => targetPath === target));
  return { volumeId: mounted?.volumeId ?? volumeIdFor(target), target };
}
