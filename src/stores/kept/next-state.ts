import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { invalid, LanternError } from '../../base/errors.ts';
import { mergedObject, namesIn } from '../../objects/declared.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../../objects/object.ts';
import { validateObject, validateReplacement } from '../../objects/validate-object.ts';
import type { Applied, ApplyMode, ApplyOptions, ObjectEvent } from '../store.ts';

/** What a store gives to a change. */
type Stamp = {
  /** Of this change, as decimal text. */
  readonly resourceVersion: string;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** For an object that is new. */
  readonly uid: string;
};

/**
 * What applying the draft makes of the current object: the rules every store shares, without its storage. Throws as
 * `Store.apply` documents; `unchanged` carries the current object itself.
 */
function nextState(
  current: StoredObject | undefined,
  draft: ObjectDraft,
  { createOnly, mode = { kind: 'update' } }: Omit<ApplyOptions, 'dryRun'>,
  stamp: Stamp,
): Applied {
  const ref = refOf(draft);
  if (createOnly && current !== undefined) {
    throw new LanternError('already-exists', `create ${describeRef(ref)}: it exists already; apply it to change it`);
  }
  requireVersion('apply', ref, current, draft.metadata.resourceVersion);
  if (current === undefined) {
    const creationTimestamp = new Date(stamp.now).toISOString().replace(/\.\d+Z$/, 'Z');
    const applied = recordAfter(mode, undefined, draft, draft);
    return { outcome: 'created', object: store(draft, { ...stamp, creationTimestamp }, applied) };
  }
  const next = mode.kind === 'merge' ? mergedObject(current, draft, mode.wording) : draft;
  const faults = [...(next === draft ? [] : validateObject(next)), ...validateReplacement(current, next)];
  if (faults.length > 0) throw invalid(faults);
  const applied = recordAfter(mode, current, draft, next);
  if (isSameContents(current, next) && isSameRecord(current.applied, applied)) {
    return { outcome: 'unchanged', object: current };
  }
  const { uid, creationTimestamp } = current.metadata;
  return { outcome: 'configured', object: store(next, { ...stamp, uid, creationTimestamp }, applied) };
}

/** The record beside `next`. What is gone is nobody's any more: whoever puts it again, it is theirs. */
function recordAfter(
  mode: ApplyMode,
  current: StoredObject | undefined,
  draft: ObjectDraft,
  next: ObjectDraft,
): StoredObject['applied'] {
  const names = namesToRecord(mode, current, draft, next);
  return names.size === 0 ? undefined : names;
}

/** All that a draft names is in what is made of it. */
function namesToRecord(
  mode: ApplyMode,
  current: StoredObject | undefined,
  draft: ObjectDraft,
  next: ObjectDraft,
): ReadonlySet<string> {
  switch (mode.kind) {
    case 'update':
      return namesStillIn(next, current?.applied ?? NO_NAMES);
    case 'replace':
      return mode.applied === undefined ? namesIn(draft) : namesStillIn(next, mode.applied);
    case 'merge':
      return namesIn(draft);
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** Most objects that are written have no record, and then nothing is looked at. */
function namesStillIn(next: ObjectDraft, names: ReadonlySet<string>): ReadonlySet<string> {
  if (names.size === 0) return names;
  const present = namesIn(next);
  return new Set([...names].filter((name) => present.has(name)));
}

function isSameRecord(a: StoredObject['applied'], b: StoredObject['applied']): boolean {
  return a?.size === b?.size && [...(a ?? [])].every((name) => b?.has(name));
}

/** An apply as a store carries it out: its answer, and the event to keep and tell of, where something changes. */
type Application = { readonly applied: Applied; readonly event: ObjectEvent | undefined };

/** `nextState` at a revision, with the event it makes; none for a dry run, or when nothing is different. */
export function applicationOf(
  current: StoredObject | undefined,
  draft: ObjectDraft,
  options: ApplyOptions,
  moment: { readonly revision: number; readonly now: number },
): Application {
  const { revision, now } = moment;
  const applied = nextState(current, draft, options, { resourceVersion: String(revision), now, uid: randomUUID() });
  if (options.dryRun || applied.outcome === 'unchanged') return { applied, event: undefined };
  const type = current === undefined ? 'added' : 'modified';
  return { applied, event: { type, object: applied.object, revision } };
}

/** Throws `aborted` unless the object is at the version asked for. No version asked for: any will do, none as well. */
export function requireVersion(
  verb: 'apply' | 'delete',
  ref: ObjectRef,
  current: StoredObject | undefined,
  wanted: string | undefined,
): void {
  if (wanted === undefined || current?.metadata.resourceVersion === wanted) return;
  const found = current === undefined ? 'it does not exist' : `it is at "${current.metadata.resourceVersion}"`;
  throw new LanternError(
    'aborted',
    `${verb} ${describeRef(ref)} at resourceVersion "${wanted}": ${found}; read it again and repeat`,
  );
}

function store(
  draft: ObjectDraft,
  added: { readonly uid: string; readonly resourceVersion: string; readonly creationTimestamp: string },
  applied: StoredObject['applied'],
): StoredObject {
  const { name, namespace, labels, annotations } = draft.metadata;
  const { uid, resourceVersion, creationTimestamp } = added;
  const metadata = { name, namespace, labels, annotations, uid, resourceVersion, creationTimestamp };
  return { ...draft, metadata, applied };
}

/** Whether two objects say the same: body, labels and annotations. Names, revisions and the order of keys do not count. */
export function isSameContents(a: ObjectDraft | StoredObject, b: ObjectDraft | StoredObject): boolean {
  return (
    isSameMap(a.metadata.labels, b.metadata.labels) &&
    isSameMap(a.metadata.annotations, b.metadata.annotations) &&
    isSameBody(a, b)
  );
}

function isSameBody(a: ObjectDraft | StoredObject, b: ObjectDraft | StoredObject): boolean {
  switch (a.kind) {
    case 'Secret':
      return a.kind === b.kind && a.type === b.type && a.immutable === b.immutable && isSameMap(a.data, b.data);
    case 'ConfigMap':
      return (
        a.kind === b.kind &&
        a.immutable === b.immutable &&
        isSameMap(a.data, b.data) &&
        isSameMap(a.binaryData, b.binaryData)
      );
    case 'ServiceAccount':
      return (
        a.kind === b.kind &&
        a.automountServiceAccountToken === b.automountServiceAccountToken &&
        isDeepStrictEqual(a.secrets, b.secrets) &&
        isDeepStrictEqual(a.imagePullSecrets, b.imagePullSecrets)
      );
    case 'ProjectedVolume':
      return a.kind === b.kind && isDeepStrictEqual(a.spec, b.spec);
  }
}

function isSameMap<V extends string | Uint8Array>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !isSameValue(value, other)) return false;
  }
  return true;
}

/** By bytes: a Buffer and a plain Uint8Array may be the same value. */
function isSameValue(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : Buffer.compare(a, b) === 0;
}
