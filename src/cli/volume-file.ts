import { faulty, type Parsed } from '../base/parsed.ts';
import { parseVolumeSource } from '../spec/parse-volume-source.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

/**
 * A volume file's document: a bare source (`secret: {…}`), or an entry of a pod's `.spec.volumes[]`, which is the same
 * with a name that only the pod needs.
 */
export function parseVolumeFile(document: unknown): Parsed<VolumeSpec> {
  if (typeof document !== 'object' || document === null) return parseVolumeSource(document, '');
  if ('kind' in document) return refuseObject(String(document.kind));
  const { name: _, ...source } = document as Record<string, unknown>;
  return parseVolumeSource(source, '');
}

function refuseObject(kind: string): Parsed<VolumeSpec> {
  const message = `expected a volume source such as "secret: {secretName: mysecret}", not a manifest of kind "${kind}"`;
  return faulty([{ field: 'kind', message: `${message}; apply that, and refer to it here by its name` }]);
}
