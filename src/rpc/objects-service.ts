import { invalid, LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../objects/names.ts';
import { describeRef, type ObjectRef } from '../objects/object.ts';
import { admitObject } from '../sources/admit-object.ts';
import type { Store, WatchFilter } from '../sources/source.ts';
import type { ObjectReference__Output as WireReference } from './generated/lantern/v1/ObjectReference.ts';
import { draftFromWire, objectToWire, parseKind, sizeOfObject } from './object-messages.ts';
import { pageOf } from './pages.ts';
import type { ObjectsMethods } from './services.ts';

const OUTCOMES = { created: 'CREATED', configured: 'CONFIGURED', unchanged: 'UNCHANGED' } as const;
const EVENT_TYPES = { added: 'ADDED', modified: 'MODIFIED', deleted: 'DELETED' } as const;

/** lantern.v1.Objects over a store. Values stay out of answers unless asked for. */
export function objectsService(store: Store): ObjectsMethods {
  return {
    async apply({ object, dryRun, createOnly }, signal) {
      const draft = orThrow(admitObject(draftFromWire(object)));
      const applied = await store.apply(draft, { dryRun, createOnly }, signal);
      return { object: objectToWire(applied.object, { withData: false }), outcome: OUTCOMES[applied.outcome] };
    },

    async get({ ref: wire, withData }, signal) {
      const ref = parseReference(wire);
      const object = await store.get(ref, signal);
      if (object === undefined) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
      return { object: objectToWire(object, { withData }) };
    },

    async list(request, signal) {
      const kind = parseKind(request.kind, 'kind');
      const filter = request.namespace === '' ? { kind } : { kind, namespace: parseNamespaceField(request.namespace) };
      const { objects, revision } = await store.list(filter, signal);
      const page = pageOf(
        objects,
        // NUL sorts before every character of a name, as the list's own order has it.
        ({ metadata }) => `${metadata.namespace}\0${metadata.name}`,
        (object) => sizeOfObject(object, request.withData),
        request,
      );
      return {
        objects: page.items.map((object) => objectToWire(object, { withData: request.withData })),
        resourceVersion: String(revision),
        nextPageToken: page.nextPageToken,
      };
    },

    async delete({ ref: wire, resourceVersion }, signal) {
      const ref = parseReference(wire);
      const deleted = await store.delete(ref, resourceVersion === '' ? undefined : resourceVersion, signal);
      if (deleted === undefined) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
      return {};
    },

    async *watch({ kind, namespace, resourceVersion, withData }, signal) {
      const filter: WatchFilter = {
        ...(kind !== '' && { kind: parseKind(kind, 'kind') }),
        ...(namespace !== '' && { namespace: parseNamespaceField(namespace) }),
        ...(resourceVersion !== '' && { from: parseRevision(resourceVersion) }),
      };
      for await (const { type, object, revision } of store.watch(filter, signal)) {
        yield {
          type: EVENT_TYPES[type],
          object: objectToWire(object, { withData }),
          resourceVersion: String(revision),
        };
      }
    },
  };
}

function parseReference(wire: WireReference | null): ObjectRef {
  if (wire === null) throw invalid([{ field: 'ref', message: 'is required' }]);
  const kind = parseKind(wire.kind, 'ref.kind');
  const name = parseObjectName(wire.name, 'ref.name');
  const namespace = parseNamespace(wire.namespace === '' ? 'default' : wire.namespace, 'ref.namespace');
  if (name.ok && namespace.ok) return { kind, name: name.value, namespace: namespace.value };
  throw invalid([name, namespace].flatMap((part) => (part.ok ? [] : part.faults)));
}

function parseNamespaceField(namespace: string): string {
  return orThrow(parseNamespace(namespace, 'namespace'));
}

function parseRevision(text: string): number {
  const revision = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(revision)) return revision;
  throw invalid([{ field: 'resource_version', message: 'must be a resource_version that this store gave out' }]);
}
