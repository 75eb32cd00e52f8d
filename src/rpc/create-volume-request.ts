import { parseNamespace } from '../objects/names.ts';
import { parseVolumeId } from '../spec/volume-id.ts';
import { definitionToJson } from '../spec/volume-source-json.ts';
import type { VolumeDefinition } from '../spec/volume-spec.ts';
import type { MadeVolume } from './controller-volume.ts';
import { readCapability } from './csi-capability.ts';
import { DEFINITION_KEYS, parseParametersDefinition } from './csi-definition.ts';
import type { CapacityRange__Output as WireRange } from './generated/csi/v1/CapacityRange.ts';
import type { CreateVolumeRequest__Output as WireCreate } from './generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability__Output as WireCapability } from './generated/csi/v1/VolumeCapability.ts';
import { Reading } from './reading.ts';
import { readTextMap } from './text-map.ts';

/** Bytes; a limit of 0 is none. */
export type Capacity = { readonly requiredBytes: number; readonly limitBytes: number };

export type CreateRequest = {
  readonly volume: MadeVolume;
  readonly definition: VolumeDefinition;
  readonly capacity: Capacity;
};

const PARAMETERS = [...DEFINITION_KEYS, 'namespace'];

/** The request's secrets are not looked at: what CreateVolume makes is kept, and never holds a secret byte. */
export function readCreate(request: WireCreate): CreateRequest {
  const reading = new Reading();
  // A name and an id follow the same rule of CSI's.
  const name = reading.take(parseVolumeId(request.name, 'name'));
  readCapabilities(reading, request.volumeCapabilities);
  // CSI: what is missing comes before what the parameters say.
  if (request.name === '' || request.volumeCapabilities.length === 0) throw reading.error();

  const capacity = readCapacity(reading, request.capacityRange);
  if (request.volumeContentSource !== null) {
    reading.refuse('volume_content_source', 'is not supported: there are no snapshots and no clones');
  }
  if (Object.keys(request.mutableParameters).length > 0) {
    reading.refuse('mutable_parameters', 'are not supported: a volume cannot be modified; use parameters');
  }
  const parameters = readParameters(reading, request.parameters);
  if (name === undefined || parameters === undefined || !reading.isGood) throw reading.error();
  const { namespace, definition } = parameters;
  return {
    volume: { name, namespace, definition: definitionText(definition), capacityBytes: capacity.requiredBytes },
    definition,
    capacity,
  };
}

/** Every volume can do whatever is accepted here. */
export function readCapabilities(reading: Reading, capabilities: readonly WireCapability[]): void {
  const field = 'volume_capabilities';
  if (capabilities.length === 0) reading.refuse(field, 'are required');
  for (const [index, each] of capabilities.entries()) readCapability(reading, each, false, `${field}[${index}]`);
}

export type Parameters = { readonly namespace: string; readonly definition: VolumeDefinition };

/** Undefined with any fault noted. */
export function readParameters(reading: Reading, wire: Readonly<Record<string, string>>): Parameters | undefined {
  const parameters = readTextMap(reading, 'parameters', wire, PARAMETERS);
  if (parameters === undefined) return undefined;
  const definition = reading.take(parseParametersDefinition(parameters));
  const namespace = reading.take(parseNamespace(parameters.get('namespace') ?? 'default', parameters.at('namespace')));
  return definition === undefined || namespace === undefined ? undefined : { namespace, definition };
}

/** Equal for equal definitions, however they were written. */
export function definitionText(definition: VolumeDefinition): string {
  return JSON.stringify(definitionToJson(definition));
}

function readCapacity(reading: Reading, range: WireRange | null): Capacity {
  const { requiredBytes = 0, limitBytes = 0 } = range ?? {};
  if (requiredBytes < 0) reading.refuse('capacity_range.required_bytes', 'must not be negative');
  if (limitBytes < 0) reading.refuse('capacity_range.limit_bytes', 'must not be negative');
  if (limitBytes > 0 && requiredBytes > limitBytes) {
    reading.refuse('capacity_range.limit_bytes', 'must not be less than required_bytes');
  }
  return { requiredBytes, limitBytes };
}
