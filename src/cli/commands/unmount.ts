import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder } from '../calls-in-order.ts';
import { type Cli, withExamples } from '../command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { listVolumes } from '../objects/list-volumes.ts';
import { printable } from '../output/text.ts';
import { absoluteTarget, volumeIdFor } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly id?: string; readonly all: boolean };

/** An undefined `target` means all targets of the volume. */
type Unmounting = { readonly volumeId: string; readonly target: string | undefined };

/** Succeeds if nothing is mounted, as Unmount does. */
export function unmountCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern unmount /dev/shm/app-secrets',
    'lantern unmount /dev/shm/web /dev/shm/worker',
    'lantern unmount --id app --all',
  ])
    .argument('[TARGET...]', 'paths where volumes are mounted')
    .option('--id <ID>', "the volume's id (default: that of the volume at the target)")
    .option('--all', 'unmount all targets of the volume given with --id', false)
    .action(async (targets: readonly string[], options: Options) => {
      checkUsage(targets, options);
      await withDaemon(cli, command, async (daemon) => {
        const unmountings = await find(cli, daemon, targets, options);
        const allWell = await callsInOrder(cli, unmountings, {
          doing: 'unmounting volumes',
          call: ({ volumeId, target }) =>
            daemon.projector.unmount({ volumeId, targetPath: target ?? '' }, { signal: cli.signal }),
          tell: (_answer, { volumeId, target }) => {
            const from = target === undefined ? 'all of its targets' : printable(target);
            cli.terminal.print(`volume "${printable(volumeId)}" unmounted from ${from}`);
          },
          follows: (one, earlier) => one.target === earlier.target,
        });
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

function checkUsage(targets: readonly string[], { id, all }: Options): void {
  const isTargeted = targets.length > 0;
  if (all && id === undefined) throw wrongUsage('--all needs --id');
  if (!isTargeted && id === undefined) throw wrongUsage('TARGET, or --id ID with --all, is required');
  if (all && isTargeted) throw wrongUsage('TARGET and --all cannot be combined');
  if (!isTargeted && !all) throw wrongUsage('--id needs a TARGET, or --all for all targets of the volume');
}

/** Asks the daemon for the volume at each target, because a volume's id need not be derived from its target. */
async function find(
  cli: Cli,
  daemon: LanternClient,
  given: readonly string[],
  { id }: Options,
): Promise<readonly Unmounting[]> {
  if (id !== undefined) {
    return given.length === 0
      ? [{ volumeId: id, target: undefined }]
      : given.map((target) => ({ volumeId: id, target: absoluteTarget(target) }));
  }
  const idAt = new Map<string, string>();
  for (const { volumeId, publications } of await listVolumes(daemon, '', cli.signal)) {
    for (const { targetPath } of publications) idAt.set(targetPath, volumeId);
  }
  return given.map((named) => {
    // A link that was put on the path after the mount does not change the target.
    const target = idAt.has(resolve(named)) ? resolve(named) : absoluteTarget(named);
    return { volumeId: idAt.get(target) ?? volumeIdFor(target), target };
  });
}
