/** `oneof`s of Lantern's protos. proto-loader adds a property of that name with the name of the set member. */
const ONEOF_NAMES = new Set(['definition', 'source', 'body']);

/** Protobuf's JSON, without proto-loader's properties. Not for string maps: their keys could look like these. */
export function wireToJson(message: unknown): unknown {
  if (message instanceof Uint8Array) return Buffer.from(message).toString('base64');
  if (Array.isArray(message)) return message.map(wireToJson);
  if (typeof message !== 'object' || message === null) return message;
  const fields = Object.entries(message).filter(([name, value]) => {
    // Fields of these names are messages, so a string is proto-loader's property.
    const isOneofMark = ONEOF_NAMES.has(name) && typeof value === 'string';
    return value !== null && value !== undefined && !name.startsWith('_') && !isOneofMark;
  });
  // proto-loader puts lists first. Readers look for the id first.
  const scalarsFirst = fields.sort(([, a], [, b]) => Number(typeof a === 'object') - Number(typeof b === 'object'));
  return Object.fromEntries(scalarsFirst.map(([name, value]) => [name, wireToJson(value)]));
}

/** Indented by four, as in kubectl. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, undefined, 4);
}
