import { createHash } from 'node:crypto';
import { type Fault, invalid, LanternError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import { mapKey, orThrow } from '../../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../../objects/names.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../../objects/object.ts';
import type { Projector } from '../../projection/projector.ts';
import { definitionToJson, volumeSpecToJson } from '../../spec/parse-volume-source.ts';
import type { Parser } from '../../spec/parser/parse-tasks.ts';
import { parseVolumeId, type VolumeDefinition, type VolumeSpec } from '../../spec/volume-spec.ts';
import type { Store } from '../../stores/store.ts';
import type { CapacityRange__Output as WireRange } from '../generated/csi/v1/CapacityRange.ts';
import type { CreateVolumeRequest__Output as WireCreate } from '../generated/csi/v1/CreateVolumeRequest.ts';
import type { ValidateVolumeCapabilitiesRequest__Output as WireValidate } from '../generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { Volume } from '../generated/csi/v1/Volume.ts';
import type { VolumeCapability__Output as WireCapability } from '../generated/csi/v1/VolumeCapability.ts';
import { Reading } from '../reading.ts';
import type { ControllerMethods } from '../services.ts';
import { DEFINITION_KEYS, parseDefinition, readCapability, readTextMap } from './volume-fields.ts';

type ControllerOptions = {
  readonly store: Store;
  readonly parser: Parser;
  readonly projector: Pick<Projector, 'get'>;
  readonly poolBytes: number;
};

/** csi.v1.Controller. A volume that is created first and published later is a ProjectedVolume object. */
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

/** Bytes; a limit of 0 means no limit. */
type Capacity = { readonly requiredBytes: number; readonly limitBytes: number };

type CreateRequest = {
  readonly volume: MadeVolume;
  readonly definition: VolumeDefinition;
  readonly capacity: Capacity;
};

const PARAMETERS = [...DEFINITION_KEYS, 'namespace'];

/** Ignores the request's secrets: the object of a volume never contains secret bytes. */
function readCreate(request: WireCreate): CreateRequest {
  const reading = new Reading();
  // CSI has the same rule for names and ids.
  const name = reading.take(parseVolumeId(request.name, 'name'));
  readCapabilities(reading, request.volumeCapabilities);
  // CSI requires that missing fields are reported before faults in parameters.
  if (request.name === '' || request.volumeCapabilities.length === 0) throw reading.error();

  const capacity = readCapacity(reading, request.capacityRange);
  if (request.volumeContentSource !== null) {
    reading.refuse('volume_content_source', 'is not supported: there are no snapshots or clones');
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

/** Every volume supports all capabilities that are accepted here. */
function readCapabilities(reading: Reading, capabilities: readonly WireCapability[]): void {
  const field = 'volume_capabilities';
  if (capabilities.length === 0) reading.refuse(field, 'are required');
  for (const [index, each] of capabilities.entries()) readCapability(reading, each, false, `${field}[${index}]`);
}

type Parameters = { readonly namespace: string; readonly definition: VolumeDefinition };

/** Undefined if a parameter is faulty. */
function readParameters(reading: Reading, wire: Readonly<Record<string, string>>): Parameters | undefined {
  const parameters = readTextMap(reading, 'parameters', wire, PARAMETERS);
  if (parameters === undefined) return undefined;
  const definition = reading.take(parseDefinition(parameters, 'parameters', 'none'));
  const namespace = reading.take(parseNamespace(parameters.get('namespace') ?? 'default', 'parameters[namespace]'));
  return definition === undefined || namespace === undefined ? undefined : { namespace, definition };
}

/** Equal definitions have equal texts, however they were written. */
function definitionText(definition: VolumeDefinition): string {
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

function tooLarge({ name, capacityBytes }: MadeVolume, poolBytes: number): LanternError {
  const message = `create volume "${name}": ${capacityBytes} bytes exceed a pool of ${poolBytes}; raise --pool-size`;
  return new LanternError('out-of-range', message);
}

type CreateParties = { readonly store: Store; readonly parser: Parser };

/** `already-exists` if another volume or object has the name. The caller allows one call per name at a time. */
async function createVolume(
  { store, parser }: CreateParties,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<StoredObject> {
  const existing = await findByName(store, request.volume.name, signal);
  if (existing === undefined) return await create({ store, parser }, request, signal);
  requireSame(request.volume, request.capacity, existing);
  return existing;
}

/** In any namespace: CSI's names are unique across them. */
async function findByName(store: Store, name: string, signal: AbortSignal): Promise<StoredObject | undefined> {
  const { objects } = await store.list({ kind: 'ProjectedVolume' }, signal);
  return objects.find((object) => madeVolumeOf(object)?.name === name);
}

/** `already-exists` if the request differs from the existing volume. */
function requireSame(wanted: MadeVolume, { requiredBytes, limitBytes }: Capacity, existing: StoredObject): void {
  const made = madeVolumeOf(existing);
  const differs = [];
  if (made?.namespace !== wanted.namespace) differs.push('namespace');
  if (made?.definition !== wanted.definition) differs.push('contents');
  const capacityBytes = made?.capacityBytes ?? 0;
  if (capacityBytes < requiredBytes || (limitBytes > 0 && capacityBytes > limitBytes)) differs.push('capacity');
  if (differs.length === 0) return;
  const message = `create volume "${wanted.name}": it exists as ${describeRef(refOf(existing))}, with different ${differs.join(' and ')}; delete it first or choose another name`;
  throw new LanternError('already-exists', message);
}

async function create(
  { store, parser }: CreateParties,
  { volume, definition }: CreateRequest,
  signal: AbortSignal,
): Promise<StoredObject> {
  const spec =
    definition.kind === 'inline' ? definition.spec : await copyOf({ store, parser }, volume, definition, signal);
  const draft = orThrow(await parser.run('object', draftOf(volume, spec), signal));
  const ref = refOf(draft);
  if ((await store.get(ref, signal)) !== undefined) {
    const message = `create volume "${volume.name}": ${describeRef(ref)} exists and was not made by CreateVolume; choose another name, or publish that one by its name`;
    throw new LanternError('already-exists', message);
  }
  return (await store.apply(draft, { dryRun: false, createOnly: true }, signal)).object;
}

/** The volume does not follow later changes of the named ProjectedVolume. */
async function copyOf(
  { store, parser }: CreateParties,
  { name, namespace }: MadeVolume,
  { projectedVolume }: { readonly projectedVolume: string },
  signal: AbortSignal,
): Promise<VolumeSpec> {
  const ref = { kind: 'ProjectedVolume', namespace, name: projectedVolume } as const;
  const object = await store.get(ref, signal);
  if (object?.kind === 'ProjectedVolume')
    return orThrow(await parser.run('source', { raw: object.spec, root: 'spec' }, signal));
  const message = `create volume "${name}": ${describeRef(ref)}, which the parameters name, does not exist; apply it first`;
  throw new LanternError('failed-precondition', message);
}

function requireId(volumeId: string): void {
  const reading = new Reading();
  if (volumeId === '') reading.refuse('volume_id', 'is required');
  if (!reading.isGood) throw reading.error();
}

/** Fields that the request leaves out are not compared. */
function disagreements(request: WireValidate, object: StoredObject): readonly Fault[] {
  const reading = new Reading();
  readCapabilities(reading, request.volumeCapabilities);
  const context = Object.entries(contextOf(object));
  for (const [key, value] of Object.entries(request.volumeContext)) {
    const isOurs = context.some(([ownKey, ownValue]) => key === ownKey && value === ownValue);
    if (!isOurs) reading.refuse(`volume_context[${key}]`, 'differs from the answer of CreateVolume');
  }
  if (Object.keys(request.mutableParameters).length > 0) reading.refuse('mutable_parameters', 'are not supported');
  if (Object.keys(request.parameters).length === 0) return reading.faults;
  const parameters = readParameters(reading, request.parameters);
  if (parameters === undefined) return reading.faults;
  const made = madeVolumeOf(object);
  const isSame = made?.namespace === parameters.namespace && made.definition === definitionText(parameters.definition);
  if (!isSame) reading.refuse('parameters', 'differ from those the volume was created with');
  return reading.faults;
}

function volumeOf(object: StoredObject): Volume {
  const capacityBytes = madeVolumeOf(object)?.capacityBytes ?? 0;
  return { volumeId: volumeIdOf(refOf(object)), volumeContext: contextOf(object), capacityBytes };
}

/** Without them, or once a manifest is applied over it, a ProjectedVolume is not a volume of csi.v1.Controller. */
const ANNOTATIONS = {
  /** May differ from the object's name. */
  name: 'lantern.dev/csi-name',
  /** The definition in the request's parameters, as JSON text. */
  definition: 'lantern.dev/csi-definition',
  /** The requested bytes, as decimal text; 0 if the request did not set them. */
  capacity: 'lantern.dev/csi-capacity-bytes',
} as const;

/** The parts of a CreateVolume request that a repeat must match. */
type MadeVolume = {
  readonly name: string;
  readonly namespace: string;
  readonly definition: string;
  readonly capacityBytes: number;
};

function draftOf({ name, namespace, definition, capacityBytes }: MadeVolume, spec: VolumeSpec): ObjectDraft {
  const annotations = new Map([
    [ANNOTATIONS.name, name],
    [ANNOTATIONS.definition, definition],
    [ANNOTATIONS.capacity, String(capacityBytes)],
  ]);
  return {
    kind: 'ProjectedVolume',
    metadata: { name: objectNameOf(name, namespace), namespace, labels: new Map(), annotations },
    spec: volumeSpecToJson(spec),
  };
}

/** The request that the object was made for; undefined if CreateVolume did not make it. */
function madeVolumeOf(object: StoredObject): MadeVolume | undefined {
  const { namespace, annotations } = object.metadata;
  if (isDeclared(object)) return undefined;
  const name = annotations.get(ANNOTATIONS.name);
  const definition = annotations.get(ANNOTATIONS.definition);
  const capacityBytes = Number(annotations.get(ANNOTATIONS.capacity));
  if (name === undefined || definition === undefined || !Number.isSafeInteger(capacityBytes)) return undefined;
  return { name, namespace, definition, capacityBytes };
}

/** True if a manifest without the annotations was merged into the object: a merge keeps them. */
function isDeclared({ applied }: StoredObject): boolean {
  return applied?.has('spec') === true && !applied.has(mapKey('metadata.annotations', ANNOTATIONS.name));
}

/** CSI's limit for a volume_id, in bytes. */
const MAX_ID_BYTES = 128;
const HASH_LENGTH = 16;

/** Unambiguous, because neither part contains a slash. */
export function volumeIdOf({ namespace, name }: Pick<ObjectRef, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** Undefined if `volumeId` does not name an object. */
export function parseObjectId(volumeId: string): ObjectRef | undefined {
  const [namespace = '', name = '', ...more] = volumeId.split('/');
  const isValid = parseNamespace(namespace, '').ok && parseObjectName(name, '').ok && more.length === 0;
  return isValid ? { kind: 'ProjectedVolume', namespace, name } : undefined;
}

/** NodePublishVolume finds the object by this volume_context. */
function contextOf(object: StoredObject): Record<string, string> {
  const { namespace, name } = refOf(object);
  return { namespace, projectedVolume: name };
}

/** The volume's name if it is valid and short enough for a volume_id, otherwise its readable part and a hash. */
export function objectNameOf(name: string, namespace: string): string {
  const room = MAX_ID_BYTES - namespace.length - 1;
  if (parseObjectName(name, '').ok && name.length <= room) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, room - HASH_LENGTH - 1)
    .replace(/^-|-$/g, '');
  return `${readable === '' ? 'volume' : readable}-${hash}`;
}
