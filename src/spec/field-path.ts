import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseAnnotationKey, parseLabelKey } from '../objects/names.ts';

/** A parsed downward API fieldPath. */
export type FieldPath =
  | { readonly kind: 'name' | 'namespace' | 'uid' | 'labels' | 'annotations' }
  | { readonly kind: 'label' | 'annotation'; readonly key: string };

const WHOLE = ['name', 'namespace', 'uid', 'labels', 'annotations'] as const;

/** `metadata.name`, `metadata.labels`, `metadata.annotations['key']`, … : what a volume can show of a pod. */
export function parseFieldPath(text: string, field: string): Parsed<FieldPath> {
  const kind = WHOLE.find((known) => text === `metadata.${known}`);
  if (kind !== undefined) return parsed({ kind });

  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/s.exec(text) ?? [];
  if (map === undefined || key === undefined) {
    return faulty([
      {
        field,
        message: `must be one of ${WHOLE.map((known) => `metadata.${known}`).join(', ')}, or metadata.labels['key'] or metadata.annotations['key']`,
      },
    ]);
  }
  const parsedKey = map === 'labels' ? parseLabelKey(key, field) : parseAnnotationKey(key, field);
  return parsedKey.ok ? parsed({ kind: map === 'labels' ? 'label' : 'annotation', key }) : parsedKey;
}

/** The inverse of `parseFieldPath`. */
export function formatFieldPath(path: FieldPath): string {
  switch (path.kind) {
    case 'label':
      return `metadata.labels['${path.key}']`;
    case 'annotation':
      return `metadata.annotations['${path.key}']`;
    default:
      return `metadata.${path.kind}`;
  }
}
