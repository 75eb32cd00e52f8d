import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { TEXT_LIMITS } from '../objects/text-limits.ts';
import { parseYamlDocuments } from '../objects/yaml.ts';
import { pathConflicts } from './literal-paths.ts';
import { type ParsedVolumeSource, sourcesOf, volumeSource } from './source-schemas.ts';
import type { VolumeSpec } from './volume-spec.ts';

const DEFAULT_MODE = 0o644;

/**
 * One volume source in Kubernetes' shape, as parsed JSON → what the volume shall contain, or every fault at once with
 * its path below `root`. An entry of a pod's `.spec.volumes[]` may be given as it stands there, with its name.
 */
export function parseVolumeSource(raw: unknown, root: string): Parsed<VolumeSpec> {
  const shape = parseBy(volumeSource, raw, root);
  const conflicts = pathConflicts(raw, root);
  if (shape.ok && conflicts.length === 0) return parsed(specOf(shape.value));
  return faulty([...(shape.ok ? [] : shape.faults), ...conflicts]);
}

/** As `parseVolumeSource`, from one document of YAML or JSON. */
export function parseVolumeSourceText(text: string, root: string): Parsed<VolumeSpec> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.context);
  if (!documents.ok) return faulty(documents.faults.map((fault) => ({ ...fault, field: root })));
  const [document, ...more] = documents.value;
  if (more.length > 0) return faulty([{ field: root, message: `must be one document, not ${1 + more.length}` }]);
  return parseVolumeSource(document, root);
}

function specOf({ secret, configMap, downwardAPI, projected, request }: ParsedVolumeSource): VolumeSpec {
  const defaults = secret ?? configMap ?? downwardAPI ?? projected ?? request;
  return {
    sources: projected?.sources?.flat() ?? sourcesOf({ secret, configMap, downwardAPI, request }),
    defaultMode: defaults?.defaultMode ?? DEFAULT_MODE,
    defaultUser: defaults?.defaultUser,
    defaultGroup: defaults?.defaultGroup,
  };
}
