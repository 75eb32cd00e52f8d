import { closest } from '../base/closest.ts';
import { mapKey } from '../base/parsed.ts';
import { isHostKey } from './csi-keys.ts';
import type { Reading } from './reading.ts';

/** CSI's limit for a map<string, string>. Only our own keys count: the host adds its own without asking. */
const MAX_OWN_BYTES = 4096;

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

/** Refuses keys that are neither in `known` nor the host's, and more than CSI allows. */
export function checkOwnKeys(reading: Reading, texts: TextMap, known: readonly string[]): void {
  const own = [...texts].filter(([key]) => !isHostKey(key));
  for (const [key] of own) {
    if (!known.includes(key)) reading.refuse(texts.at(key), unknownKey(key, known));
  }
  const bytes = own.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes <= MAX_OWN_BYTES) return;
  reading.refuse(
    texts.field,
    `holds ${bytes} bytes, CSI allows ${MAX_OWN_BYTES}; apply a ProjectedVolume and name it in "projectedVolume"`,
  );
}

function unknownKey(key: string, known: readonly string[]): string {
  const likely = closest(key, known);
  return likely === undefined
    ? `is not a known key; known are ${known.join(', ')}`
    : `is not a known key; did you mean "${likely}"?`;
}
