import type { Fault } from '../base/errors.ts';
import { field } from '../base/parsed.ts';
import { parseRelativePath, type RelativePath } from './relative-path.ts';

/** A path that a volume source names itself, rather than through a key, and where it does. */
type LiteralPath = { readonly path: RelativePath; readonly field: string };

/**
 * Conflicts among the paths that a raw volume source names: the same path twice, compared after cleaning, or one that
 * another needs as a directory. Works on unparsed input, so that other faults do not hide these; what is no path is
 * somebody else's fault.
 */
export function pathConflicts(raw: unknown, root: string): Fault[] {
  const faults: Fault[] = [];
  const seen = new Map<string, LiteralPath>();
  const literals = literalPaths(raw, root);
  for (const literal of literals) {
    const first = seen.get(literal.path);
    if (first === undefined) seen.set(literal.path, literal);
    else
      faults.push({
        field: literal.field,
        message: `conflicting duplicate paths: "${literal.path}" is also at ${first.field}`,
      });
  }
  for (const literal of seen.values()) {
    for (const parent of parentsOf(literal.path)) {
      const file = seen.get(parent);
      if (file === undefined) continue;
      const message = `"${literal.path}" needs "${parent}" as a directory, which is a file at ${file.field}`;
      faults.push({ field: literal.field, message });
    }
  }
  return faults;
}

function literalPaths(raw: unknown, root: string): LiteralPath[] {
  const sources = listAt(raw, 'projected', 'sources').map((source, index) => {
    return { source, at: field(root, 'projected', 'sources', index) };
  });
  return [{ source: raw, at: root }, ...sources].flatMap(({ source, at }) => [
    ...['secret', 'configMap', 'downwardAPI', 'request'].flatMap((kind) =>
      listAt(source, kind, 'items').flatMap((item, index) => literalAt(item, field(at, kind, 'items', index))),
    ),
    ...literalAt(get(source, 'serviceAccountToken'), field(at, 'serviceAccountToken')),
  ]);
}

function literalAt(item: unknown, at: string): LiteralPath[] {
  const text = get(item, 'path');
  const path = typeof text === 'string' ? parseRelativePath(text, '') : undefined;
  return path?.ok ? [{ path: path.value, field: field(at, 'path') }] : [];
}

function listAt(raw: unknown, outer: string, inner: string): unknown[] {
  const list = get(get(raw, outer), inner);
  return Array.isArray(list) ? list : [];
}

function get(raw: unknown, key: string): unknown {
  return typeof raw === 'object' && raw !== null ? new Map(Object.entries(raw)).get(key) : undefined;
}

function parentsOf(path: string): string[] {
  const elements = path.split('/');
  return elements.slice(1).map((_, index) => elements.slice(0, index + 1).join('/'));
}
