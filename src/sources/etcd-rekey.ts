import { type Clock, systemClock } from '../base/clock.ts';
import { EtcdClient } from './etcd-client.ts';
import type { EtcdConfig } from './etcd-config.ts';
import { readIdentity } from './etcd-identity.ts';
import { EtcdRekeying, type EtcdRekeyingOptions } from './etcd-rekeying.ts';
import { readKeyRing } from './key-file.ts';

export type EtcdRekeyOptions = EtcdConfig &
  Pick<EtcdRekeyingOptions, 'onRewritten' | 'onLeft'> & {
    /** The first is to seal everything. */
    readonly keyFiles: readonly string[];
    readonly clock?: Clock;
  };

/**
 * Seals every value of the store with the first key: see `EtcdRekeying`. `failed-precondition` for key files as when a
 * daemon starts; `unavailable` and the like end it, and a repeat goes on where it ended.
 */
export async function rekeyEtcd(options: EtcdRekeyOptions, signal: AbortSignal): Promise<void> {
  const { endpoints, prefix, keyFiles, clock = systemClock, onRewritten, onLeft } = options;
  const keys = await readKeyRing(keyFiles);
  using client = new EtcdClient(endpoints, await readIdentity(options), clock);
  await new EtcdRekeying({ client, keys, prefix, onRewritten, onLeft }, signal).run();
}
