import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseObjectName } from '../objects/names.ts';
import type { Parser } from '../sources/parser.ts';
import { type PodFacts, parsePodFacts } from '../spec/pod-facts.ts';
import { volumeSpecToJson } from '../spec/volume-source-json.ts';
import type { VolumeDefinition, VolumeSpec } from '../spec/volume-spec.ts';
import type { PodFacts__Output as WirePodFacts } from './generated/lantern/v1/PodFacts.ts';
import type {
  VolumeDefinition as WireDefinition,
  VolumeDefinition__Output as WireDefinitionRead,
} from './generated/lantern/v1/VolumeDefinition.ts';
import type {
  VolumeSource as WireSource,
  VolumeSource__Output as WireSourceRead,
} from './generated/lantern/v1/VolumeSource.ts';

/** What Kubernetes allows for all annotations of an object; also of a pod's labels, and of its names. */
const MAX_POD_TEXT_BYTES = 262_144;

/** The wire says `downwardApi`, Kubernetes says `downwardAPI`; all other names are alike. */
const FROM_WIRE = new Map([['downwardApi', 'downwardAPI']]);
const TO_WIRE = new Map([['downwardAPI', 'downwardApi']]);

/** A typed volume source with its fields named as in Kubernetes. */
function rawSource(source: WireSourceRead): unknown {
  const { source: _whichIsSet, ...sources } = source;
  return plain(sources, FROM_WIRE);
}

export async function parseWireDefinition(
  definition: WireDefinitionRead | null,
  root: string,
  parser: Parser,
  signal: AbortSignal,
): Promise<Parsed<VolumeDefinition>> {
  if (definition?.definition === 'projectedVolume') {
    const name = parseObjectName(definition.projectedVolume ?? '', `${root}.projected_volume`);
    return name.ok ? parsed({ kind: 'named', projectedVolume: name.value }) : faulty(name.faults);
  }
  if (definition?.source === undefined || definition.source === null) {
    return faulty([{ field: root, message: 'is required: give a source or the name of a projected_volume' }]);
  }
  const input = { raw: rawSource(definition.source), root: `${root}.source` };
  const spec = await parser.run('source', input, signal);
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

export function volumeSourceToWire(spec: VolumeSpec): WireSource {
  return plain(volumeSpecToJson(spec), TO_WIRE) as WireSource;
}

export function definitionToWire(definition: VolumeDefinition): WireDefinition {
  if (definition.kind === 'named') return { projectedVolume: definition.projectedVolume };
  return { source: volumeSourceToWire(definition.spec) };
}

export function parseWirePod(pod: WirePodFacts | null, root: string): Parsed<PodFacts | undefined> {
  if (pod === null) return parsed(undefined);
  const { name, uid, serviceAccountName } = pod;
  const faults = [
    ...tooLong(`${root}.labels`, Object.entries(pod.labels).flat()),
    ...tooLong(`${root}.annotations`, Object.entries(pod.annotations).flat()),
    ...tooLong(root, [name, uid, serviceAccountName]),
  ];
  return faults.length > 0 ? faulty(faults) : parsePodFacts(pod, root);
}

function tooLong(field: string, texts: readonly string[]): Fault[] {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= MAX_POD_TEXT_BYTES) return [];
  return [
    { field, message: `must have no more than ${MAX_POD_TEXT_BYTES} bytes; leave out what the volume does not show` },
  ];
}

/**
 * A volume source as plain JSON, with some fields renamed. What proto3 cannot tell from absent (null messages, empty
 * lists, empty text) is absent, as are the loader's markers of set optional fields (`_mode: "mode"`).
 */
export function plain(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, names));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, item]) => isSaid(key, item));
  return Object.fromEntries(entries.map(([key, item]) => [names.get(key) ?? key, plain(item, names)]));
}

function isSaid(key: string, item: unknown): boolean {
  if (item === null || item === undefined || item === '' || (Array.isArray(item) && item.length === 0)) return false;
  return !(key.startsWith('_') && item === key.slice(1));
}
