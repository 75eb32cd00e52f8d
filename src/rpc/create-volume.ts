import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import { describeRef, refOf, type StoredObject } from '../objects/object.ts';
import type { Parser } from '../sources/parser.ts';
import type { Store } from '../sources/source.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import { draftOf, type MadeVolume, madeVolumeOf } from './controller-volume.ts';
import type { Capacity, CreateRequest } from './create-volume-request.ts';

export type CreateParties = { readonly store: Store; readonly parser: Parser };

/**
 * The object of the volume that was asked for, made now or before. `already-exists` when another volume or object has
 * its name, `failed-precondition` when the parameters name an object that is not there. The caller sees to it that only
 * one call per name is under way.
 */
export async function createVolume(
  { store, parser }: CreateParties,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<StoredObject> {
  const existing = await findByName(store, request.volume.name, signal);
  if (existing === undefined) return await create({ store, parser }, request, signal);
  requireSame(request.volume, request.capacity, existing);
  return existing;
}

/** In whatever namespace: CSI's names are unique over all of them. */
async function findByName(store: Store, name: string, signal: AbortSignal): Promise<StoredObject | undefined> {
  const { objects } = await store.list({ kind: 'ProjectedVolume' }, signal);
  return objects.find((object) => madeVolumeOf(object)?.name === name);
}

/** `already-exists` when another volume has the name. */
function requireSame(wanted: MadeVolume, { requiredBytes, limitBytes }: Capacity, existing: StoredObject): void {
  const made = madeVolumeOf(existing);
  const differs = [];
  if (made?.namespace !== wanted.namespace) differs.push('namespace');
  if (made?.definition !== wanted.definition) differs.push('contents');
  const capacityBytes = made?.capacityBytes ?? 0;
  if (capacityBytes < requiredBytes || (limitBytes > 0 && capacityBytes > limitBytes)) differs.push('capacity');
  if (differs.length === 0) return;
  const message = `create volume "${wanted.name}": it exists as ${describeRef(refOf(existing))}, with another ${differs.join(' and ')}; delete it first or choose another name`;
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
    const message = `create volume "${volume.name}": ${describeRef(ref)} is there already and was not made by CreateVolume; choose another name, or publish that one by its name`;
    throw new LanternError('already-exists', message);
  }
  return (await store.apply(draft, { dryRun: false, createOnly: true }, signal)).object;
}

/** The spec of the ProjectedVolume that the parameters name, as it is now: a volume is what it was made of. */
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
