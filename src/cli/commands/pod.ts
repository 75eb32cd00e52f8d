import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { podMountCommand } from './pod-mount.ts';
import { podStatusCommand } from './pod-status.ts';
import { podUnmountCommand } from './pod-unmount.ts';

/** `lantern pod`: whole pods, as a kubelet mounts them. */
export function podCommand(cli: Cli): Command {
  return defineCommand('pod', 'Mount all volumes of a pod for all its containers, as a kubelet would.', [
    'lantern pod mount -f pod.yaml /dev/shm/mypod',
    'lantern pod status mypod',
    'lantern pod unmount mypod',
  ])
    .addCommand(podMountCommand(cli))
    .addCommand(podUnmountCommand(cli))
    .addCommand(podStatusCommand(cli));
}
