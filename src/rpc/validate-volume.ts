import type { Fault } from '../base/errors.ts';
import type { StoredObject } from '../objects/object.ts';
import { contextOf, madeVolumeOf } from './controller-volume.ts';
import { definitionText, readCapabilities, readParameters } from './create-volume-request.ts';
import type { ValidateVolumeCapabilitiesRequest__Output as WireValidate } from './generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import { Reading } from './reading.ts';

/** Why the volume is not what the host believes it to be; a volume that nobody said more about than its id is fine. */
export function disagreements(request: WireValidate, object: StoredObject): readonly Fault[] {
  const reading = new Reading();
  readCapabilities(reading, request.volumeCapabilities);
  const context = Object.entries(contextOf(object));
  for (const [key, value] of Object.entries(request.volumeContext)) {
    const isOurs = context.some(([ownKey, ownValue]) => key === ownKey && value === ownValue);
    if (!isOurs) reading.refuse(`volume_context[${key}]`, 'is not what CreateVolume answered');
  }
  if (Object.keys(request.mutableParameters).length > 0) reading.refuse('mutable_parameters', 'are not supported');
  if (Object.keys(request.parameters).length === 0) return reading.faults;
  const parameters = readParameters(reading, request.parameters);
  if (parameters === undefined) return reading.faults;
  const made = madeVolumeOf(object);
  const isSame = made?.namespace === parameters.namespace && made.definition === definitionText(parameters.definition);
  if (!isSame) reading.refuse('parameters', 'are not those that the volume was made of');
  return reading.faults;
}
