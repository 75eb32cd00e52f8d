/**
 * JSON as Go's `encoding/json` writes it, byte for byte, where `JSON.stringify` does not: what could end a script in
 * HTML and two line separators are escaped, a half surrogate pair is U+FFFD, and fields without a value stay out.
 * Members keep their order, as in a struct; a Map has its keys in order of their bytes, as Go's maps have them.
 */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (value instanceof Map)
    return membersJson([...value].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  if (typeof value === 'object' && value !== null) return membersJson(Object.entries(value));
  return scalarJson(value);
}

/** The same, with the members of every object in the order of a map's. */
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
