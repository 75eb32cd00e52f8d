/**
 * A map<string, bytes> of a message. Encoders may leave an empty value out of its entry, which protobufjs then decodes to an
 * empty list rather than to bytes.
 */
export function readByteMap(wire: Readonly<Record<string, Uint8Array>>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(wire).map(([key, value]) => [key, ArrayBuffer.isView(value) ? value : Buffer.alloc(0)]),
  );
}
