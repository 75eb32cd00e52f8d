import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import type { EtcdConfig } from './etcd-config.ts';
import { EtcdIdentityFiles } from './etcd-identity.ts';
import { EtcdSeen } from './etcd-seen.ts';
import { EtcdStore, type EtcdStoreOptions } from './etcd-store.ts';
import { readKeyRing } from './key-file.ts';

export type EtcdLocation = EtcdConfig &
  Pick<EtcdStoreOptions, 'clock' | 'log' | 'ready'> & {
    /** The first seals, each of them opens what it has sealed. All daemons of one store share them. */
    readonly keyFiles: readonly string[];
    /** See `EtcdSeen`; nothing is kept where left out. */
    readonly seenFile?: string;
  };

/**
 * A store that looks for its etcd, however long that takes; only files are read here. `failed-precondition` when a key
 * file is missing or open to others: keys are shared between daemons, so none is made. Errors of certificates and
 * password: as `readIdentity`.
 */
export async function openEtcdStore({ keyFiles, seenFile, ...location }: EtcdLocation): Promise<EtcdStore> {
  const { clock = systemClock, log = silentLog } = location;
  const keys = await readKeyRing(keyFiles);
  const files = await EtcdIdentityFiles.open(location, log);
  const seen = seenFile === undefined ? undefined : await EtcdSeen.open({ path: seenFile, clock, log });
  const store = new EtcdStore({
    ...location,
    keys,
    identity: files.current,
    renewIdentity: () => files.renewed(),
    seen,
  });
  store.start();
  return store;
}
