/**
 * The largest answer. Pages are cut at 3 MiB; a render with contents may be as large as a payload.
 */
export const MAX_MESSAGE_BYTES = 80 * 1024 * 1024;

/** The largest request. An object holds 1 MiB of values at most; the rest is room for what a request brings itself. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

/** The most fields of a request, those of the messages in it included. Decoding and checking take up to 2.5 µs for each. */
export const MAX_REQUEST_FIELDS = 20_000;

/** Kubernetes' limit for a user. */
export const MAX_USER = 2 ** 31 - 1;

/** CSI's limit for a map<string, string>, in bytes of keys and values. Only our own keys count. */
export const MAX_OWN_BYTES = 4096;

/** What the host may add under `csi.storage.k8s.io/`; older kubelets put tokens there. */
export const MAX_HOST_BYTES = 64 * 1024;
export const MAX_HOST_KEYS = 32;

/** A service account's tokens, as the host sends them: JSON text. */
export const TOKENS_LIMITS = { bytes: MAX_HOST_BYTES, nodes: 1_000 };
