import { createHash } from 'node:crypto';
import type { ObjectRef, StoredServiceAccount } from './object.ts';

/** The account of pods that name none. It exists in every namespace, even if it is not stored. */
export const DEFAULT_ACCOUNT = 'default';

/** For a namespace without a stored one. The uid follows from the namespace, so tokens are equal on all nodes. */
export function defaultAccountOf(namespace: string): StoredServiceAccount {
  return {
    kind: 'ServiceAccount',
    metadata: {
      name: DEFAULT_ACCOUNT,
      namespace,
      labels: new Map(),
      annotations: new Map(),
      uid: uidOf(namespace),
      resourceVersion: '0',
      creationTimestamp: '1970-01-01T00:00:00Z',
    },
    secrets: [],
    imagePullSecrets: [],
    automountServiceAccountToken: undefined,
  };
}

export function isDefaultAccount({ kind, name }: ObjectRef): boolean {
  return kind === 'ServiceAccount' && name === DEFAULT_ACCOUNT;
}

/** A UUID of version 8 (RFC 9562), whose bits are free to choose. */
function uidOf(namespace: string): string {
  const hex = createHash('sha256').update(`lantern default service account\0${namespace}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
