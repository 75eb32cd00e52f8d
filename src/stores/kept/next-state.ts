import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { invalid, LanternError } from '../../base/errors.ts';
import { mergedObject, namesIn } from '../../objects/declared.ts';
import {
  describeRef,
  isSameMap,
  type ObjectDraft,
  type ObjectRef,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
import { validateObject, validateReplacement } from '../../objects/validate-object.ts';
import type { Applied, ApplyMode, ApplyOptions, ObjectEvent } from '../store.ts';

/** `event` is to be stored and published; undefined for a dry run or without a change. */
type Application = { readonly applied: Applied; readonly event: ObjectEvent | undefined };

/**
 * Applies the draft by the rules of all stores. `revision` is that of the change, `now` milliseconds since 1970 UTC.
 * Throws as `Store.apply`. If `unchanged`, the object is `current` itself.
 */
export function applicationOf(
  current: StoredObject | undefined,
  draft: ObjectDraft,
  { createOnly, dryRun, mode = { kind: 'update' } }: ApplyOptions,
  { revision, now }: { readonly revision: number; readonly now: number },
): Application {
  const ref = refOf(draft);
  if (createOnly && current !== undefined) {
    throw new LanternError('already-exists', `create ${describeRef(ref)}: it exists already; apply it to change it`);
  }
  requireVersion('apply', ref, current, draft.metadata.resourceVersion);
  const next = current !== undefined && mode.kind === 'merge' ? mergedObject(current, draft, mode.wording) : draft;
  if (current !== undefined) {
    const faults = validateReplacement(current, next);
    // Only a merge makes something that was not checked before.
    if (next !== draft) faults.unshift(...validateObject(next));
    if (faults.length > 0) throw invalid(faults);
  }
  const applied = recordAfter(mode, current, draft, next);
  if (current !== undefined && isSameContents(current, next) && isDeepStrictEqual(current.applied, applied)) {
    return { applied: { outcome: 'unchanged', object: current }, event: undefined };
  }
  const { name, namespace, labels, annotations } = next.metadata;
  const object: StoredObject = {
    ...next,
    metadata: {
      name,
      namespace,
      labels,
      annotations,
      uid: current?.metadata.uid ?? randomUUID(),
      resourceVersion: String(revision),
      creationTimestamp: current?.metadata.creationTimestamp ?? new Date(now).toISOString().replace(/\.\d+Z$/, 'Z'),
    },
    applied,
  };
  const [outcome, type] =
    current === undefined ? (['created', 'added'] as const) : (['configured', 'modified'] as const);
  return { applied: { outcome, object }, event: dryRun ? undefined : { type, object, revision } };
}

/** The record beside `next`. It loses removed names; a later writer that sets one again owns it. */
function recordAfter(
  mode: ApplyMode,
  current: StoredObject | undefined,
  draft: ObjectDraft,
  next: ObjectDraft,
): StoredObject['applied'] {
  const kept = mode.kind === 'update' ? current?.applied : mode.kind === 'replace' ? mode.applied : undefined;
  const isDeclared = mode.kind === 'merge' || (mode.kind === 'replace' && mode.applied === undefined);
  // Most objects have no record, and then their names need not be collected.
  if (!isDeclared && !kept?.size) return undefined;
  const names = namesIn(isDeclared ? draft : next);
  const recorded = isDeclared || kept === undefined ? names : new Set([...kept].filter((name) => names.has(name)));
  return recorded.size === 0 ? undefined : recorded;
}

/** Throws `aborted` if `wanted` is set and the object has another version or does not exist. */
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

/** True if body, labels and annotations are equal. Names, revisions and the order of keys are ignored. */
export function isSameContents(a: ObjectDraft | StoredObject, b: ObjectDraft | StoredObject): boolean {
  if (!isSameMap(a.metadata.labels, b.metadata.labels)) return false;
  if (!isSameMap(a.metadata.annotations, b.metadata.annotations)) return false;
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
    case 'UnitCredentials':
      return (
        a.kind === b.kind && isDeepStrictEqual(a.units, b.units) && isDeepStrictEqual(a.credentials, b.credentials)
      );
  }
}
