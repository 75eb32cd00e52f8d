import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { TEXT_LIMITS, type TextLimits } from '../objects/text-limits.ts';
import { parseYamlDocuments } from '../objects/yaml.ts';

/**
 * The spec of a ProjectedVolume from a request's text, as it stands there; `parseVolumeSource` says whether it is one. Deep nesting,
 * which would overflow whoever walks it, is refused by the reader of manifests.
 */
export function parseSpecText(text: string, limits: TextLimits = TEXT_LIMITS.spec): Parsed<unknown> {
  const refuse = (message: string) => faulty<unknown>([{ field: 'object.projected_volume.spec_json', message }]);
  const documents = parseYamlDocuments(text, limits);
  if (!documents.ok) return refuse(documents.faults.map(({ message }) => message).join('; '));
  const [spec, ...more] = documents.value;
  return more.length > 0 ? refuse('must be one document') : parsed(spec);
}
