import { createHash } from 'node:crypto';
import { mapKey } from '../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../objects/names.ts';
import { type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../objects/object.ts';
import { volumeSpecToJson } from '../spec/volume-source-json.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

/**
 * How a volume of csi.v1.Controller is kept: as a ProjectedVolume whose annotations say that CreateVolume made it, and of
 * what. Without them, or once somebody applied an object of their own over it, it is not CreateVolume's to answer for.
 */
const ANNOTATIONS = {
  /** CSI's name of the volume; the object's may differ. */
  name: 'lantern.dev/csi-name',
  /** The definition that the request's parameters stand for, as JSON text. */
  definition: 'lantern.dev/csi-definition',
  /** Bytes asked for, as decimal text; 0 where the request did not say. */
  capacity: 'lantern.dev/csi-capacity-bytes',
} as const;

/** What CreateVolume was asked for, as far as a repeat must agree with it. */
export type MadeVolume = {
  readonly name: string;
  readonly namespace: string;
  readonly definition: string;
  readonly capacityBytes: number;
};

/** The object of a new volume. */
export function draftOf({ name, namespace, definition, capacityBytes }: MadeVolume, spec: VolumeSpec): ObjectDraft {
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

/** What the object was made of; undefined when CreateVolume did not make it. */
export function madeVolumeOf(object: StoredObject): MadeVolume | undefined {
  const { namespace, annotations } = object.metadata;
  if (isDeclared(object)) return undefined;
  const name = annotations.get(ANNOTATIONS.name);
  const definition = annotations.get(ANNOTATIONS.definition);
  const capacityBytes = Number(annotations.get(ANNOTATIONS.capacity));
  if (name === undefined || definition === undefined || !Number.isSafeInteger(capacityBytes)) return undefined;
  return { name, namespace, definition, capacityBytes };
}

/** Whether a manifest that knew nothing of CreateVolume has been merged into it: the annotations are still there then. */
function isDeclared({ applied }: StoredObject): boolean {
  return applied?.has('spec') === true && !applied.has(mapKey('metadata.annotations', ANNOTATIONS.name));
}

/** CSI's limit for a volume_id, in bytes. */
const MAX_ID_BYTES = 128;
const HASH_LENGTH = 16;

/** `namespace/name`: neither holds a slash. */
export function volumeIdOf({ namespace, name }: Pick<ObjectRef, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** The object a volume_id names; undefined when it names none. */
export function parseObjectId(volumeId: string): ObjectRef | undefined {
  const [namespace = '', name = '', ...more] = volumeId.split('/');
  const isOne = parseNamespace(namespace, '').ok && parseObjectName(name, '').ok && more.length === 0;
  return isOne ? { kind: 'ProjectedVolume', namespace, name } : undefined;
}

/** What NodePublishVolume needs to find the object. */
export function contextOf(object: StoredObject): Record<string, string> {
  const { namespace, name } = refOf(object);
  return { namespace, projectedVolume: name };
}

/**
 * The volume's name where an object may be called that and the volume_id stays within its limit; else what can be read of
 * it, and a hash of it.
 */
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
