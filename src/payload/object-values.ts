import type { StoredConfigMap, StoredSecret } from '../objects/object.ts';

/** An object's values by key, as the bytes of files. Where a key of a ConfigMap is in both maps, `data` counts. */
export function valuesOf(object: StoredSecret | StoredConfigMap): ReadonlyMap<string, Uint8Array> {
  return object.kind === 'Secret' ? object.data : configMapValues(object);
}

/** Text is encoded once per stored object, however many volumes show it, so that its bytes are one value to all. */
const encoded = new WeakMap<StoredConfigMap, ReadonlyMap<string, Uint8Array>>();

function configMapValues(object: StoredConfigMap): ReadonlyMap<string, Uint8Array> {
  let values = encoded.get(object);
  if (values === undefined) {
    const texts = [...object.data].map(([key, text]) => [key, Buffer.from(text)] as const);
    values = new Map<string, Uint8Array>([...object.binaryData, ...texts]);
    encoded.set(object, values);
  }
  return values;
}
