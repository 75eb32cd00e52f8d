import { readFile } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import type { EtcdConfig } from './etcd-config.ts';
import type { EtcdIdentity } from './etcd-endpoint.ts';
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
 * file is missing or open to others: keys are shared between daemons, so none is made.
 */
export async function openEtcdStore({ keyFiles, seenFile, ...location }: EtcdLocation): Promise<EtcdStore> {
  const { clock = systemClock, log = silentLog } = location;
  const keys = await readKeyRing(keyFiles);
  const identity = await readIdentity(location);
  const seen = seenFile === undefined ? undefined : await EtcdSeen.open({ path: seenFile, clock, log });
  const store = new EtcdStore({ ...location, keys, identity, seen });
  store.start();
  return store;
}

/** Reads what the flags name. Errors: as `readFile` has them, with the flag; `failed-precondition` for an empty password. */
export async function readIdentity({ endpoints, ca, pair, login }: EtcdConfig): Promise<EtcdIdentity> {
  const isTls = endpoints.some((endpoint) => endpoint.startsWith('https:'));
  return {
    tls: isTls
      ? {
          ca: ca === undefined ? undefined : await read('--etcd-ca', ca),
          cert: pair === undefined ? undefined : await read('--etcd-cert', pair.cert),
          key: pair === undefined ? undefined : await read('--etcd-key', pair.key),
        }
      : undefined,
    login: login === undefined ? undefined : { user: login.user, password: await readPassword(login.passwordFile) },
  };
}

async function readPassword(path: string): Promise<string> {
  const password = (await read('--etcd-password-file', path)).toString('utf8').replace(/\r?\n$/, '');
  if (password !== '') return password;
  throw new LanternError('failed-precondition', `read --etcd-password-file "${path}": it is empty`);
}

async function read(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw toLanternError(error, `read ${flag} "${path}"`);
  }
}
