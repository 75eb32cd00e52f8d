import { type Fields, isFields } from '../base/fields.ts';

/**
 * A patch in Kubernetes' strategic form laid over a manifest of maps: null removes, `$patch: replace` and
 * `$patch: delete` do what they say. Undefined when nothing is left. Lists are replaced: which of them would be merged,
 * and by which key, depends on the kind.
 */
export function mergePatch(manifest: Fields, patch: Fields): Fields | undefined {
  const merged = merge(manifest, patch);
  return isFields(merged) ? merged : undefined;
}

const DIRECTIVE = '$patch';

function merge(value: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const { [DIRECTIVE]: directive, ...fields } = patch;
  if (directive === 'delete') return undefined;
  const merged = new Map(isFields(value) && directive !== 'replace' ? Object.entries(value) : []);
  for (const [key, wanted] of Object.entries(fields)) {
    const result = wanted === null ? undefined : merge(merged.get(key), wanted);
    if (result === undefined) merged.delete(key);
    else merged.set(key, result);
  }
  return Object.fromEntries(merged);
}
