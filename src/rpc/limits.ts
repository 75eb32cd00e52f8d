/** For answers: a render with contents may be as large as a payload. Pages are cut at 3 MiB. */
export const MAX_MESSAGE_BYTES = 80 * 1024 * 1024;

/** An object has at most 1 MiB of values, but a request may have data of its own. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

/** Includes the fields of nested messages. Decoding and checking take up to 2.5 µs each. */
export const MAX_REQUEST_FIELDS = 20_000;

/** Kubernetes' limit for a user id. */
export const MAX_USER = 2 ** 31 - 1;

/** CSI's limit for a map<string, string>, in bytes of keys and values. The host's keys are not counted. */
export const MAX_OWN_BYTES = 4096;

/** Limits for the host's keys, `csi.storage.k8s.io/…`. Older kubelets put tokens there. */
export const MAX_HOST_BYTES = 64 * 1024;
export const MAX_HOST_KEYS = 32;

/** A service account's tokens from the host, as JSON text. */
export const TOKENS_LIMITS = { bytes: MAX_HOST_BYTES, nodes: 1_000 };
