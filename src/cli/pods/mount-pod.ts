import { LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodRequest } from '../../rpc/generated/lantern/v1/MountPodRequest.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Cli } from '../define-command.ts';
import { printable } from '../output/text.ts';

/** What is there by now needs no word about waiting for it. */
const SILENT_MS = 500;

/**
 * MountPod, which waits for missing objects for up to `waitMs` and says on stderr what for. When time is up the error
 * says what is missing. An abort throws the signal's reason, and nothing of the call is left.
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
    // Only the daemon knows whether waiting can help: asked to wait it answers at once where it cannot.
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
    // That call says only that time is up; this one says what is missing.
    return await daemon.projector.mountPod(request, { signal });
  }
}
