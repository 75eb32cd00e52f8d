/** Keys with this prefix are the host's: never refused, never payload. */
export const HOST_KEY_PREFIX = 'csi.storage.k8s.io/';

/** What the kubelet says about the workload in volume_context, and its tokens (there, or in secrets). */
export const HOST_KEYS = {
  podName: `${HOST_KEY_PREFIX}pod.name`,
  podNamespace: `${HOST_KEY_PREFIX}pod.namespace`,
  podUid: `${HOST_KEY_PREFIX}pod.uid`,
  serviceAccountName: `${HOST_KEY_PREFIX}serviceAccount.name`,
  ephemeral: `${HOST_KEY_PREFIX}ephemeral`,
  tokens: `${HOST_KEY_PREFIX}serviceAccount.tokens`,
} as const;

export function isHostKey(key: string): boolean {
  return key.startsWith(HOST_KEY_PREFIX);
}

/** A field of volume_context as faults name it. */
export function contextField(key: string): string {
  return `volume_context[${key}]`;
}
