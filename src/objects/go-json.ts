/**
 * Writes JSON byte for byte like Go's `encoding/json`. Unlike `JSON.stringify`, it escapes `<`, `>`, `&` and two line
 * separators, writes a half surrogate pair as U+FFFD, and omits undefined fields. A Map's keys are in byte order.
 */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (value instanceof Map)
    return membersJson([...value].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  if (typeof value === 'object' && value !== null) return membersJson(Object.entries(value));
  return scalarJson(value);
}

/** Writes every object like a Go map. */
export function goJsonOfMaps(value: unknown): string {
  return goJson(asMaps(value));
}

function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, held]) => [key, asMaps(held)]));
}

function membersJson(entries: readonly (readonly [key: string, value: unknown])[]): string {
  const given = entries.filter(([, value]) => value !== undefined);
  return `{${given.map(([key, value]) => `${scalarJson(key)}:${goJson(value)}`).join(',')}}`;
}

function scalarJson(value: unknown): string {
  const text = typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\uFFFD') : value;
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
