import { invalid, LanternError } from '../base/errors.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import { refOf, type StoredObject } from '../objects/object.ts';
import type { Projector } from '../projection/projector.ts';
import type { Parser } from '../sources/parser.ts';
import type { Store } from '../sources/source.ts';
import { contextOf, type MadeVolume, madeVolumeOf, parseObjectId, volumeIdOf } from './controller-volume.ts';
import { createVolume } from './create-volume.ts';
import { readCreate } from './create-volume-request.ts';
import type { Volume } from './generated/csi/v1/Volume.ts';
import { Reading } from './reading.ts';
import type { ControllerMethods } from './services.ts';
import { disagreements } from './validate-volume.ts';

export type ControllerOptions = {
  readonly store: Store;
  readonly parser: Parser;
  /** Knows which volumes are in use on this node. */
  readonly projector: Pick<Projector, 'get'>;
  /** What a volume may hold at most. */
  readonly poolBytes: number;
};

/** csi.v1.Controller: volumes that are made first and published by name later are ProjectedVolume objects. */
export function controllerService({ store, parser, projector, poolBytes }: ControllerOptions): ControllerMethods {
  const names = new KeyedLock();
  return {
    async createVolume(wire, signal) {
      const request = readCreate(wire);
      const { volume, capacity } = request;
      if (capacity.requiredBytes > poolBytes) throw tooLarge(volume, poolBytes);
      await store.ready(signal);
      const object = await names.run(volume.name, signal, () => createVolume({ store, parser }, request, signal));
      return { volume: volumeOf(object) };
    },

    async deleteVolume({ volumeId }, signal) {
      requireId(volumeId);
      const ref = parseObjectId(volumeId);
      if (ref === undefined) return {};
      await store.ready(signal);
      const object = await store.get(ref, signal);
      if (object === undefined || madeVolumeOf(object) === undefined) return {};
      const used = projector.get(volumeId)?.publications[0];
      if (used !== undefined) {
        const message = `delete volume "${volumeId}": it is published at "${used.target}"; unpublish it first`;
        throw new LanternError('failed-precondition', message);
      }
      await store.delete(ref, object.metadata.resourceVersion, signal);
      return {};
    },

    async validateVolumeCapabilities(request, signal) {
      const { volumeId, volumeContext, volumeCapabilities, parameters } = request;
      const reading = new Reading();
      if (volumeId === '') reading.refuse('volume_id', 'is required');
      if (volumeCapabilities.length === 0) reading.refuse('volume_capabilities', 'are required');
      if (!reading.isGood) throw reading.error();
      await store.ready(signal);
      const ref = parseObjectId(volumeId);
      const object = ref === undefined ? undefined : await store.get(ref, signal);
      if (object === undefined) throw new LanternError('not-found', `volume "${volumeId}" does not exist`);
      const faults = disagreements(request, object);
      if (faults.length > 0) return { message: invalid(faults).message };
      return { confirmed: { volumeContext, volumeCapabilities, parameters } };
    },

    controllerGetCapabilities: () => ({ capabilities: [{ rpc: { type: 'CREATE_DELETE_VOLUME' } }] }),
  };
}

function requireId(volumeId: string): void {
  const reading = new Reading();
  if (volumeId === '') reading.refuse('volume_id', 'is required');
  if (!reading.isGood) throw reading.error();
}

function tooLarge({ name, capacityBytes }: MadeVolume, poolBytes: number): LanternError {
  const message = `create volume "${name}": ${capacityBytes} bytes are asked for, and a pool has ${poolBytes}; raise --pool-size`;
  return new LanternError('out-of-range', message);
}

function volumeOf(object: StoredObject): Volume {
  const capacityBytes = madeVolumeOf(object)?.capacityBytes ?? 0;
  return { volumeId: volumeIdOf(refOf(object)), volumeContext: contextOf(object), capacityBytes };
}
