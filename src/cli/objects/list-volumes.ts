import type { LanternClient } from '../../rpc/client.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { acrossRestarts, allPages } from '../with-daemon.ts';

/** Sorted by id. An empty namespace means all. */
export function listVolumes(daemon: LanternClient, namespace: string, signal: AbortSignal): Promise<WireVolume[]> {
  return allPages(
    (pageToken) => daemon.projector.listVolumes({ namespace, pageToken }, { signal }),
    (page) => page.volumes,
  );
}

/** A stream of volumes that begins again when the daemon has restarted. `unavailable` as for `acrossRestarts`. */
export async function* followVolumes<T>(
  daemon: LanternClient,
  open: () => AsyncIterable<T>,
  { signal, onAway }: { readonly signal: AbortSignal; readonly onAway: () => void },
): AsyncGenerator<T, void> {
  const look = async () => await daemon.projector.listVolumes({ pageSize: 1 }, { signal });
  // Fails at once without a daemon.
  await look();
  yield* acrossRestarts(open, { look, signal, onAway });
}
