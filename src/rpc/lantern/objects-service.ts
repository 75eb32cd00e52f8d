import { invalid, LanternError } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../../objects/names.ts';
import {
  DEFAULT_ACCOUNT,
  defaultAccountOf,
  describeRef,
  isDefaultAccount,
  type ObjectDraft,
  type ObjectRef,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
import { admitObject } from '../../spec/admit-object.ts';
import { type Parser, parserHere } from '../../spec/parser/parse-tasks.ts';
import { resolveAccount } from '../../stores/resolve-objects.ts';
import type { Store, WatchFilter } from '../../stores/store.ts';
import type { Object__Output as WireObject } from '../generated/lantern/v1/Object.ts';
import type { ObjectReference__Output as WireReference } from '../generated/lantern/v1/ObjectReference.ts';
import { checkPage, pageOf } from '../pages.ts';
import { Reading, readNamespace } from '../reading.ts';
import type { ObjectsMethods } from '../services.ts';
import { draftFromWire, objectToWire, parseApplyMode, parseKind, sizeOfObject } from './object-messages.ts';

const OUTCOMES = { created: 'CREATED', configured: 'CONFIGURED', unchanged: 'UNCHANGED' } as const;
const EVENT_TYPES = { added: 'ADDED', modified: 'MODIFIED', deleted: 'DELETED' } as const;

/** Answers contain values only on request. Every namespace has a default account, even if it is not stored. */
export function objectsService(store: Store, parser: Parser = parserHere): ObjectsMethods {
  return {
    async apply(request, signal) {
      const { object } = request;
      if (object === null) throw invalid([{ field: 'object', message: 'is required' }]);
      const reading = new Reading();
      const { given, faults, draft } = await readDraft(object, parser, signal);
      reading.note(faults);
      const value = reading.take(draft);
      const mode = reading.take(parseApplyMode(request, object));
      if (value === undefined || mode === undefined || !reading.isGood) throw reading.error();
      const createOnly = request.createOnly || isUnstored(given);
      const applied = await store.apply(value, { dryRun: request.dryRun, createOnly, mode }, signal);
      return {
        object: objectToWire(applied.object, { withData: request.withData }),
        outcome: OUTCOMES[applied.outcome],
      };
    },

    async get({ ref: wire, withData, withApplied }, signal) {
      const ref = parseReference(wire);
      const object = isDefaultAccount(ref) ? await resolveAccount(store, ref, signal) : await store.get(ref, signal);
      if (object === undefined) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
      return { object: objectToWire(shown(object), { withData, withApplied }) };
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
        kind === 'ServiceAccount' && namespace !== undefined ? withDefaultAccount(objects, namespace) : objects,
        // NUL sorts before every character of a name, as in the list's own order.
        ({ metadata }) => `${metadata.namespace}\0${metadata.name}`,
        (object) => sizeOfObject(object, request),
        wanted,
      );
      const first = token.revision ?? revision;
      return {
        objects: page.items.map((object) => objectToWire(shown(object), request)),
        resourceVersion: String(first),
        nextPageToken: page.nextPageToken === '' ? '' : `${first}.${page.nextPageToken}`,
      };
    },

    async delete({ ref: wire, resourceVersion }, signal) {
      const ref = parseReference(wire);
      const deleted = await store.delete(ref, resourceVersion === '' ? undefined : resourceVersion, signal);
      if (deleted === undefined) throw new LanternError('not-found', absenceOf(ref));
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

/** Only a spec can take long to parse; values are not parsed. */
async function readDraft(object: WireObject, parser: Parser, signal: AbortSignal) {
  const text = object.projectedVolume?.specJson;
  if (text === undefined) {
    const { draft: given, faults } = draftFromWire(object);
    return { given, faults, draft: admitObject(withoutUnstoredVersion(given)) };
  }
  const spec = await parser.run('spec', text, signal);
  const { draft: given, faults } = draftFromWire(object, () => spec);
  return { given, faults, draft: await parser.run('object', withoutUnstoredVersion(given), signal) };
}

function absenceOf(ref: ObjectRef): string {
  const what = describeRef(ref);
  return isDefaultAccount(ref) ? `${what} is not stored; every namespace has it` : `${what} does not exist`;
}

/** Sorted by name. */
function withDefaultAccount(accounts: readonly StoredObject[], namespace: string): readonly StoredObject[] {
  const before = accounts.filter(({ metadata }) => metadata.name < DEFAULT_ACCOUNT);
  const after = accounts.slice(before.length);
  return after[0]?.metadata.name === DEFAULT_ACCOUNT ? accounts : [...before, defaultAccountOf(namespace), ...after];
}

/** An account that is not stored has no creation time. */
function shown(object: StoredObject): StoredObject {
  if (!isUnstored(object)) return object;
  return { ...object, metadata: { ...object.metadata, creationTimestamp: '' } };
}

/** A default account that is not stored may be edited and applied, which creates it. */
function withoutUnstoredVersion(draft: ObjectDraft): ObjectDraft {
  if (!isUnstored(draft)) return draft;
  const { resourceVersion: _, ...metadata } = draft.metadata;
  return { ...draft, metadata };
}

function isUnstored(object: ObjectDraft | StoredObject): boolean {
  const { namespace, resourceVersion } = object.metadata;
  return isDefaultAccount(refOf(object)) && resourceVersion === defaultAccountOf(namespace).metadata.resourceVersion;
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

function parseRevision(text: string): Parsed<number> {
  const revision = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(revision)) return parsed(revision);
  return faulty([{ field: 'resource_version', message: 'must be a resource_version that this store gave out' }]);
}

/** Every page reports the revision of the first one: a watch from it misses no change made while pages are read. */
type ListToken = {
  /** Undefined for the first page. */
  readonly revision: number | undefined;
  readonly pageToken: string;
};

function parseListToken(text: string): Parsed<ListToken> {
  if (text === '') return parsed({ revision: undefined, pageToken: '' });
  const [, digits, pageToken] = /^(\d+)\.([\w-]+)$/.exec(text) ?? [];
  if (pageToken !== undefined && Number.isSafeInteger(Number(digits))) {
    return parsed({ revision: Number(digits), pageToken });
  }
  return faulty([{ field: 'page_token', message: 'must be the next_page_token of an earlier answer' }]);
}
