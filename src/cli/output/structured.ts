/** Names of `oneof`s on Lantern's wire: proto-loader adds a property of that name that says which member is set. */
const ONEOF_NAMES = new Set(['definition', 'source', 'body']);

/**
 * A wire message as plain JSON: protobuf's JSON names, bytes as base64, absent members absent. What proto-loader adds
 * to a message beside its fields goes. Not for messages with maps of text, whose keys could look like such marks.
 */
export function wireToJson(message: unknown): unknown {
  if (message instanceof Uint8Array) return Buffer.from(message).toString('base64');
  if (Array.isArray(message)) return message.map(wireToJson);
  if (typeof message !== 'object' || message === null) return message;
  const fields = Object.entries(message).filter(([name, value]) => {
    return value !== null && value !== undefined && !name.startsWith('_') && !isOneofMark(name, value);
  });
  // proto-loader puts lists first; people look for the id.
  const scalarsFirst = fields.sort(([, a], [, b]) => Number(typeof a === 'object') - Number(typeof b === 'object'));
  return Object.fromEntries(scalarsFirst.map(([name, value]) => [name, wireToJson(value)]));
}

/** Fields of those names hold messages, so text there can only be the mark. */
function isOneofMark(name: string, value: unknown): boolean {
  return ONEOF_NAMES.has(name) && typeof value === 'string';
}

/** Indented by four, as kubectl prints JSON. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, undefined, 4);
}
