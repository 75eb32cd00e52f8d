import type { LanternClient } from '../../rpc/client.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { allPages } from '../with-daemon.ts';

/** Sorted by id. An empty namespace means all. */
export function listVolumes(daemon: LanternClient, namespace: string, signal: AbortSignal): Promise<WireVolume[]> {
  return allPages(
    (pageToken) => daemon.projector.listVolumes({ namespace, pageToken }, { signal }),
    (page) => page.volumes,
  );
}
