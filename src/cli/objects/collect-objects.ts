import { hasCode, LanternError } from '../../base/errors.ts';
import { defaultAccountOf, isDefaultAccount } from '../../objects/default-account.ts';
import {
  describeRef,
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

/** How often what changed meanwhile is read again before it is given up. */
const MOST_ROUNDS = 20;
const MOST_NAMED = 5;

/** Of a default account that is not stored. */
const VERSION_OF_NOBODY = defaultAccountOf('default').metadata.resourceVersion;

/** Takes objects one by one; a later one of the same name replaces the one before. */
type Sink = (object: StoredObject) => Promise<void>;

/**
 * Hands every object of every kind and namespace to `sink`, values included, as they are at one moment: when all are
 * read, their revisions are listed again, and what is another one by now is read anew, until nothing has changed between
 * the end of one reading and the beginning of the next. Answers the keys (`refKey`) of what was there at that moment;
 * what `sink` was given besides does not count. Memory: a key and a revision per object, and one page.
 *
 * `aborted` when objects change faster than they can be read.
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
    if (round === MOST_ROUNDS) throw restless(changed);
    for (const ref of changed) {
      const object = await readObject(daemon, ref, signal);
      if (object === undefined) versions.delete(refKey(ref));
      else await take(object);
    }
  }
}

/** What is at another revision now, is new, or is gone. */
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

/** Undefined when it is gone; a default account that nobody has stored any more is shown all the same. */
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

function restless(changed: readonly ObjectRef[]): LanternError {
  const names = changed.slice(0, MOST_NAMED).map(describeRef).join(', ');
  const more = changed.length > MOST_NAMED ? ` and ${changed.length - MOST_NAMED} more` : '';
  return new LanternError(
    'aborted',
    `export: objects changed each of the ${MOST_ROUNDS} times they were read, the last time ${names}${more}; stop what ` +
      'writes them, and export again',
  );
}
