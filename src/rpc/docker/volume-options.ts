import { closest, faulty, mapKey, type Parsed, parsed } from '../../base/parsed.ts';
import { parseNamespace } from '../../objects/names.ts';
import { parseVolumeId, type VolumeDefinition, type VolumeId } from '../../spec/volume-spec.ts';
import { DEFINITION_KEYS, parseDefinition } from '../csi/volume-fields.ts';
import { MAX_OWN_BYTES } from '../limits.ts';
import { Reading } from '../reading.ts';

type VolumeContents = { readonly namespace: string; readonly definition: VolumeDefinition };

const FIELD = 'options';
const OPTIONS = [...DEFINITION_KEYS, 'namespace'];

/** The options of `docker volume create`, the `driver_opts` of compose. `namespaces` empty: all are allowed. */
export function parseVolumeOptions(
  options: ReadonlyMap<string, string>,
  namespaces: readonly string[],
): Parsed<VolumeContents> {
  const reading = new Reading();
  const bytes = [...options].reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_OWN_BYTES) {
    const advice = 'apply a ProjectedVolume and name it in "projectedVolume"';
    return faulty([{ field: FIELD, message: `hold ${bytes} bytes, at most ${MAX_OWN_BYTES} are allowed; ${advice}` }]);
  }
  for (const key of options.keys()) {
    if (!OPTIONS.includes(key)) reading.refuse(mapKey(FIELD, key), unknownOption(key));
  }
  const definition = reading.take(parseDefinition(options, FIELD, 'none'));
  const at = mapKey(FIELD, 'namespace');
  const namespace = reading.take(parseNamespace(options.get('namespace') ?? 'default', at));
  if (namespace !== undefined && namespaces.length > 0 && !namespaces.includes(namespace)) {
    reading.refuse(at, `"${namespace}" is not open to Docker; --docker-namespaces allows ${namespaces.join(', ')}`);
  }
  return definition && namespace && reading.isGood ? parsed({ namespace, definition }) : faulty(reading.faults);
}

function unknownOption(key: string): string {
  const likely = closest(key, OPTIONS);
  const hint = likely === undefined ? '' : `did you mean "${likely}"? `;
  return `is not an option of this driver; ${hint}the options are ${OPTIONS.join(', ')}`;
}

/** The engine's rule. A name is also the last element of a path. */
export function parseVolumeName(text: string, field: string): Parsed<string> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) {
    const message = 'must begin with a letter or digit, and have letters, digits, "_", "." and "-" only';
    return faulty([{ field, message }]);
  }
  const id = parseVolumeId(volumeIdOf(text), field);
  return id.ok ? parsed(text) : faulty([{ field, message: `must be no more than ${MAX_NAME_BYTES} bytes` }]);
}

export const ID_PREFIX = 'docker-';
const MAX_NAME_BYTES = 128 - ID_PREFIX.length;

/** `name` as `parseVolumeName` returns it. */
export function volumeIdOf(name: string): VolumeId {
  return `${ID_PREFIX}${name}` as VolumeId;
}

const MAX_ID_BYTES = 128;

/** The id of a use: 64 hexadecimal digits with Docker. */
export function parseUseId(text: string, field: string): Parsed<string> {
  if (/^[a-zA-Z0-9_.-]+$/.test(text) && text.length <= MAX_ID_BYTES) return parsed(text);
  const message = `must be 1 to ${MAX_ID_BYTES} letters, digits, "_", "." and "-"`;
  return faulty([{ field, message }]);
}
