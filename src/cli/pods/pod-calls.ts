import { hasCode, LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodRequest } from '../../rpc/generated/lantern/v1/MountPodRequest.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Pod__Output as Pod } from '../../rpc/generated/lantern/v1/Pod.ts';
import type { Cli } from '../command.ts';
import { printable } from '../output/text.ts';
import { allPages } from '../with-daemon.ts';

/** A shorter wait is not reported. */
const SILENT_MS = 500;

/** Waits up to `waitMs` milliseconds for missing objects, and names them. After an abort the daemon undoes the call. */
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
    return await mountPatiently(cli, daemon, request, waitMs, signal, error);
  }
}

async function mountPatiently(
  cli: Cli,
  daemon: LanternClient,
  request: MountPodRequest,
  waitMs: number,
  signal: AbortSignal,
  missing: LanternError,
): Promise<MountPodResponse> {
  using _word = cli.clock.after(SILENT_MS, () => {
    cli.terminal.complain(`lantern: waiting for up to ${waitMs / 1000} s: ${printable(missing.message)}`);
  });
  try {
    const patient = { ...request, waitForObjects: true };
    return await daemon.projector.mountPod(patient, { signal, deadlineMs: waitMs });
  } catch (error) {
    // The daemon names the missing objects. Without its answer the first call's error still does.
    throw hasCode(error, 'deadline-exceeded') ? missing : error;
  }
}

/** An empty namespace means all. */
export function listPods(daemon: LanternClient, namespace: string, signal: AbortSignal): Promise<Pod[]> {
  return allPages(
    (pageToken) => daemon.projector.listPods({ namespace, pageToken }, { signal }),
    (page) => page.pods,
  );
}
