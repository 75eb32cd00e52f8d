import { closest, mapKey } from '../../base/parsed.ts';
import { MAX_HOST_BYTES, MAX_HOST_KEYS, MAX_OWN_BYTES } from '../limits.ts';
import type { Reading } from '../reading.ts';

/** A map<string, string> of a request, which knows how faults name it. */
export class TextMap extends Map<string, string> {
  /** The map's own field, e.g. `volume_context`. */
  readonly field: string;

  constructor(field: string, wire: Readonly<Record<string, string>>) {
    super(Object.entries(wire));
    this.field = field;
  }

  /** A key as faults name it: `volume_context[spec]`. */
  at(key: string): string {
    return mapKey(this.field, key);
  }
}

/**
 * The map in `field`, whose keys are in `known` or the host's. Undefined, with the fault noted, when it holds more than it
 * may: then nothing of it is to be looked at, let alone parsed.
 */
export function readTextMap(
  reading: Reading,
  field: string,
  wire: Readonly<Record<string, string>>,
  known: readonly string[],
): TextMap | undefined {
  const texts = new TextMap(field, wire);
  // The host adds its own keys without asking, so they do not count with the volume's.
  const own = [...texts].filter(([key]) => !isHostKey(key));
  const hosts = [...texts].filter(([key]) => isHostKey(key));
  const bytes = bytesOf(own);
  if (bytes > MAX_OWN_BYTES) {
    const advice = 'apply a ProjectedVolume and name it in "projectedVolume"';
    reading.refuse(field, `holds ${bytes} bytes, CSI allows ${MAX_OWN_BYTES}; ${advice}`);
    return undefined;
  }
  if (hosts.length > MAX_HOST_KEYS || bytesOf(hosts) > MAX_HOST_BYTES) {
    const most = `${MAX_HOST_KEYS} keys and ${MAX_HOST_BYTES} bytes`;
    reading.refuse(field, `holds more than ${most} under csi.storage.k8s.io/; leave out what is not the host's own`);
    return undefined;
  }
  for (const [key] of own) {
    if (!known.includes(key)) reading.refuse(texts.at(key), unknownKey(key, known));
  }
  return texts;
}

function bytesOf(entries: readonly (readonly [string, string])[]): number {
  return entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
}

function unknownKey(key: string, known: readonly string[]): string {
  const likely = closest(key, known);
  return likely === undefined
    ? `is not a known key; known are ${known.join(', ')}`
    : `is not a known key; did you mean "${likely}"?`;
}

/** Keys with this prefix are the host's: never refused, never payload. */
const HOST_KEY_PREFIX = 'csi.storage.k8s.io/';

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
