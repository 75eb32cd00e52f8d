import { faulty, type Parsed } from '../base/parsed.ts';
import { parseVolumeSource } from '../spec/parse-volume-source.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

/** A volume file's document: a bare source (`secret: {…}`), or an entry of a pod's `.spec.volumes[]` with its name. */
export function parseVolumeFile(document: unknown): Parsed<VolumeSpec> {
  const isManifest = typeof document === 'object' && document !== null && 'apiVersion' in document;
  if (!isManifest) return parseVolumeSource(document, '');
  const message = 'is a manifest; expected is a volume source such as "secret: {secretName: mysecret}"';
  return faulty([{ field: '', message: `${message}. Apply the manifest, and name its object here` }]);
}
