import { hasCode, LanternError } from '../../base/errors.ts';
import {
  defaultAccountOf,
  describeRef,
  isDefaultAccount,
  OBJECT_KINDS,
  type ObjectKind,
  type ObjectRef,
  parseRefKey,
  refKey,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { objectFromWire } from '../../rpc/lantern/object-messages.ts';

/** Attempts to read objects that changed meanwhile. */
const MAX_ROUNDS = 20;
const MAX_NAMED = 5;

/** Marks a default account that is not stored. */
const VERSION_OF_NOBODY = defaultAccountOf('default').metadata.resourceVersion;

/** A later object replaces an earlier one of the same name. */
type Sink = (object: StoredObject) => Promise<void>;

/**
 * Reads all objects as of one moment, values included: after the first pass it reads changed objects again, until a
 * listing shows no change. Returns the keys (`refKey`) of that moment; `sink` may have received other objects before.
 * Needs memory for a key and a revision per object. `aborted` if objects change faster than they can be read.
 */
export async function collectObjects(
  daemon: LanternClient,
  sink: Sink,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const versions = new Map<string, string>();
  const take = async (object: StoredObject): Promise<void> => {
    await sink(object);
    versions.set(refKey(refOf(object)), object.metadata.resourceVersion);
  };
  for (const kind of OBJECT_KINDS) {
    for await (const object of listedObjects(daemon, kind, true, signal)) await take(object);
  }
  for (let round = 1; ; round++) {
    const changed = await changedSince(daemon, versions, signal);
    if (changed.length === 0) return new Set(versions.keys());
    if (round === MAX_ROUNDS) throw neverQuiet(changed);
    for (const ref of changed) {
      const object = await readObject(daemon, ref, signal);
      if (object === undefined) versions.delete(refKey(ref));
      else await take(object);
    }
  }
}

/** Includes new and deleted objects. */
async function changedSince(
  daemon: LanternClient,
  versions: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ObjectRef[]> {
  const gone = new Set(versions.keys());
  const changed: ObjectRef[] = [];
  for (const kind of OBJECT_KINDS) {
    for await (const object of listedObjects(daemon, kind, false, signal)) {
      const ref = refOf(object);
      gone.delete(refKey(ref));
      if (versions.get(refKey(ref)) !== object.metadata.resourceVersion) changed.push(ref);
    }
  }
  return [...changed, ...[...gone].map(parseRefKey)];
}

async function* listedObjects(
  daemon: LanternClient,
  kind: ObjectKind,
  withData: boolean,
  signal: AbortSignal,
): AsyncGenerator<StoredObject, void> {
  let pageToken = '';
  do {
    const page = await daemon.objects.list({ kind, withData, withApplied: withData, pageToken }, { signal });
    for (const object of page.objects) yield objectFromWire(object);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** Undefined if the object is gone, or is a default account that is not stored. */
export async function readObject(daemon: LanternClient, ref: ObjectRef, signal: AbortSignal) {
  try {
    const { object } = await daemon.objects.get({ ref, withData: true, withApplied: true }, { signal });
    const found = object === null ? undefined : objectFromWire(object);
    const isOfNobody = isDefaultAccount(ref) && found?.metadata.resourceVersion === VERSION_OF_NOBODY;
    return isOfNobody ? undefined : found;
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined;
    throw error;
  }
}

function neverQuiet(changed: readonly ObjectRef[]): LanternError {
  const names = changed.slice(0, MAX_NAMED).map(describeRef).join(', ');
  const more = changed.length > MAX_NAMED ? ` and ${changed.length - MAX_NAMED} more` : '';
  return new LanternError(
    'aborted',
    `export: objects changed each of the ${MAX_ROUNDS} times they were read, the last time ${names}${more}; stop the ` +
      'clients that write them, and export again',
  );
}
