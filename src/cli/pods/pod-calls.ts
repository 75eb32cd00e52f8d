import { LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodRequest } from '../../rpc/generated/lantern/v1/MountPodRequest.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Pod__Output as Pod } from '../../rpc/generated/lantern/v1/Pod.ts';
import type { Cli } from '../command.ts';
import { printable } from '../output/text.ts';
import { allPages } from '../with-daemon.ts';

/** A shorter wait is not reported. */
const SILENT_MS = 500;

/**
 * Calls MountPod, and waits up to `waitMs` milliseconds for missing objects. Prints on stderr what it waits for; when
 * time is up the error says what is missing. An abort throws the signal's reason, and the daemon undoes the call.
 */
export async function mountPod(
  cli: Cli,
  daemon: LanternClient,
  request: MountPodRequest,
  waitMs: number,
  signal: AbortSignal,
): Promise<MountPodResponse> {
  try {
    return await daemon.projector.mountPod(request, { signal });
  } catch (error) {
    // Only the daemon knows whether waiting can help. If it cannot, the second call fails at once.
    if (waitMs === 0 || !(error instanceof LanternError) || error.code !== 'failed-precondition') throw error;
    return await mountPatiently(cli, daemon, request, waitMs, signal, error.message);
  }
}

async function mountPatiently(
  cli: Cli,
  daemon: LanternClient,
  request: MountPodRequest,
  waitMs: number,
  signal: AbortSignal,
  problem: string,
): Promise<MountPodResponse> {
  using _word = cli.clock.after(SILENT_MS, () => {
    cli.terminal.complain(`lantern: waiting for up to ${waitMs / 1000} s: ${printable(problem)}`);
  });
  try {
    const patient = { ...request, waitForObjects: true };
    return await daemon.projector.mountPod(patient, { signal, deadlineMs: waitMs });
  } catch (error) {
    if (!(error instanceof LanternError) || error.code !== 'deadline-exceeded') throw error;
    // That error says only that time is up. This call's error says what is missing.
    return await daemon.projector.mountPod(request, { signal });
  }
}

/** Lists the mounted pods of a namespace, or of all if it is empty. */
export function listPods(cli: Cli, daemon: LanternClient, namespace: string): Promise<Pod[]> {
  return allPages(
    (pageToken) => daemon.projector.listPods({ namespace, pageToken }, { signal: cli.signal }),
    (page) => page.pods,
  );
}
