import { invalid, LanternError } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../objects/names.ts';
import { describeRef, type ObjectRef } from '../objects/object.ts';
import { admitObject } from '../sources/admit-object.ts';
import type { Store, WatchFilter } from '../sources/source.ts';
import type { ObjectReference__Output as WireReference } from './generated/lantern/v1/ObjectReference.ts';
import { formatListToken, parseListToken } from './list-token.ts';
import { draftFromWire, objectToWire, parseKind, sizeOfObject } from './object-messages.ts';
import { checkPage, pageOf } from './pages.ts';
import { Reading } from './reading.ts';
import type { ObjectsMethods } from './services.ts';

const OUTCOMES = { created: 'CREATED', configured: 'CONFIGURED', unchanged: 'UNCHANGED' } as const;
const EVENT_TYPES = { added: 'ADDED', modified: 'MODIFIED', deleted: 'DELETED' } as const;

/** lantern.v1.Objects over a store. Values stay out of answers unless asked for. */
export function objectsService(store: Store): ObjectsMethods {
  return {
    async apply({ object, dryRun, createOnly }, signal) {
      if (object === null) throw invalid([{ field: 'object', message: 'is required' }]);
      const { draft: given, faults } = draftFromWire(object);
      const draft = admitObject(given);
      if (!draft.ok || faults.length > 0) throw invalid([...faults, ...(draft.ok ? [] : draft.faults)]);
      const applied = await store.apply(draft.value, { dryRun, createOnly }, signal);
      return { object: objectToWire(applied.object, { withData: false }), outcome: OUTCOMES[applied.outcome] };
    },

    async get({ ref: wire, withData }, signal) {
      const ref = parseReference(wire);
      const object = await store.get(ref, signal);
      if (object === undefined) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
      return { object: objectToWire(object, { withData }) };
    },

    async list(request, signal) {
      const reading = new Reading();
      const kind = reading.take(parseKind(request.kind, 'kind'));
      const namespace = readNamespace(reading, request.namespace);
      const listToken = parseListToken(request.pageToken);
      const wanted = { pageSize: request.pageSize, pageToken: listToken.ok ? listToken.value.pageToken : '' };
      reading.take(checkPage(wanted));
      const token = reading.take(listToken);
      if (kind === undefined || token === undefined || !reading.isGood) throw reading.error();
      const { objects, revision } = await store.list({ kind, ...(namespace !== undefined && { namespace }) }, signal);
      const page = pageOf(
        objects,
        // NUL sorts before every character of a name, as the list's own order has it.
        ({ metadata }) => `${metadata.namespace}\0${metadata.name}`,
        (object) => sizeOfObject(object, request.withData),
        wanted,
      );
      const first = token.revision ?? revision;
      return {
        objects: page.items.map((object) => objectToWire(object, { withData: request.withData })),
        resourceVersion: String(first),
        nextPageToken: formatListToken(first, page.nextPageToken),
      };
    },

    async delete({ ref: wire, resourceVersion }, signal) {
      const ref = parseReference(wire);
      const deleted = await store.delete(ref, resourceVersion === '' ? undefined : resourceVersion, signal);
      if (deleted === undefined) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
      return {};
    },

    async *watch(request, signal) {
      const reading = new Reading();
      const kind = request.kind === '' ? undefined : reading.take(parseKind(request.kind, 'kind'));
      const namespace = readNamespace(reading, request.namespace);
      const from = request.resourceVersion === '' ? undefined : reading.take(parseRevision(request.resourceVersion));
      if (!reading.isGood) throw reading.error();
      const filter: WatchFilter = {
        ...(kind !== undefined && { kind }),
        ...(namespace !== undefined && { namespace }),
        ...(from !== undefined && { from }),
      };
      for await (const { type, object, revision } of store.watch(filter, signal)) {
        yield {
          type: EVENT_TYPES[type],
          object: objectToWire(object, { withData: request.withData }),
          resourceVersion: String(revision),
        };
      }
    },
  };
}

function parseReference(wire: WireReference | null): ObjectRef {
  if (wire === null) throw invalid([{ field: 'ref', message: 'is required' }]);
  const reading = new Reading();
  const kind = reading.take(parseKind(wire.kind, 'ref.kind'));
  const namespace = reading.take(parseNamespace(wire.namespace === '' ? 'default' : wire.namespace, 'ref.namespace'));
  const name = reading.take(parseObjectName(wire.name, 'ref.name'));
  if (kind === undefined || namespace === undefined || name === undefined) throw reading.error();
  return { kind, namespace, name };
}

/** Undefined, which means all of them, where the request names none. */
function readNamespace(reading: Reading, namespace: string): string | undefined {
  return namespace === '' ? undefined : reading.take(parseNamespace(namespace, 'namespace'));
}

function parseRevision(text: string): Parsed<number> {
  const revision = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(revision)) return parsed(revision);
  return faulty([{ field: 'resource_version', message: 'must be a resource_version that this store gave out' }]);
}
