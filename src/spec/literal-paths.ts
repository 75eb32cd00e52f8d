import type { Fault } from '../base/errors.ts';
import { field } from '../base/parsed.ts';
import { parseRelativePath, type RelativePath } from './relative-path.ts';

/** A path that a volume source names itself, rather than through a key, and where it does. */
type LiteralPath = {
  readonly path: RelativePath;
  /** As it was written, before cleaning. */
  readonly spelling: string;
  readonly field: string;
  /** An item of a projected source: Kubernetes lets no two of them have one path. */
  readonly isExclusive: boolean;
};

/**
 * Conflicts among the paths that a raw volume source names: one that another needs as a directory, or the same path
 * twice where Kubernetes refuses it, among the items of projected sources. Elsewhere (items of a plain volume, tokens)
 * the later one wins, as in Kubernetes; but not in another spelling, where chance would decide there. Works on unparsed
 * input, so that other faults do not hide these; what is no path is somebody else's fault.
 */
export function pathConflicts(raw: unknown, root: string): Fault[] {
  const faults: Fault[] = [];
  const seen = new Map<string, LiteralPath>();
  const exclusive = new Map<string, LiteralPath>();
  for (const literal of literalPaths(raw, root)) {
    const { path, spelling, isExclusive } = literal;
    const before = seen.get(path);
    const first = isExclusive ? (exclusive.get(path) ?? before) : before;
    if (before === undefined) seen.set(path, literal);
    if (isExclusive && !exclusive.has(path)) exclusive.set(path, literal);
    if (first !== undefined && ((isExclusive && first.isExclusive) || first.spelling !== spelling)) {
      faults.push({
        field: literal.field,
        message: `conflicting duplicate paths: "${literal.path}" is also at ${first.field}`,
      });
    }
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
    return { source, at: field(root, 'projected', 'sources', index), isProjected: true };
  });
  return [{ source: raw, at: root, isProjected: false }, ...sources].flatMap(({ source, at, isProjected }) => [
    ...['secret', 'configMap', 'downwardAPI', 'request'].flatMap((kind) =>
      listAt(source, kind, 'items').flatMap((item, index) =>
        literalAt(item, field(at, kind, 'items', index), isProjected),
      ),
    ),
    ...literalAt(get(source, 'serviceAccountToken'), field(at, 'serviceAccountToken'), false),
  ]);
}

function literalAt(item: unknown, at: string, isExclusive: boolean): LiteralPath[] {
  const text = get(item, 'path');
  const path = typeof text === 'string' ? parseRelativePath(text, '') : undefined;
  if (typeof text !== 'string' || !path?.ok) return [];
  return [{ path: path.value, spelling: text, field: field(at, 'path'), isExclusive }];
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
