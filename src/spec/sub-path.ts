import type { Parsed } from '../base/parsed.ts';
import { parseRelativePath, type RelativePath } from './relative-path.ts';

/**
 * The file or directory inside a volume that a publication shows. Kubernetes' rule for a subPath (relative, no `..`
 * element) and the rule for paths of a volume together: a first element that starts with `..` names what the writer
 * keeps for itself (`..data`, generations), and `.` would be the whole volume.
 */
export function parseSubPath(text: string, field: string): Parsed<RelativePath> {
  return parseRelativePath(text, field);
}
