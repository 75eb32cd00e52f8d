import { randomUUID } from 'node:crypto';
import { invalid, LanternError } from '../base/errors.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../objects/object.ts';
import { validateReplacement } from '../objects/validate-object.ts';
import { isSameContents } from './same-contents.ts';
import type { Applied, ApplyOptions, ObjectEvent } from './source.ts';

/** What a store gives to a change. */
export type Stamp = {
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
export function nextState(
  current: StoredObject | undefined,
  draft: ObjectDraft,
  options: { readonly createOnly: boolean },
  stamp: Stamp,
): Applied {
  const ref = refOf(draft);
  if (options.createOnly && current !== undefined) {
    throw new LanternError('already-exists', `create ${describeRef(ref)}: it exists already; apply it to change it`);
  }
  requireVersion('apply', ref, current, draft.metadata.resourceVersion);
  if (current === undefined) {
    const creationTimestamp = new Date(stamp.now).toISOString().replace(/\.\d+Z$/, 'Z');
    return { outcome: 'created', object: store(draft, { ...stamp, creationTimestamp }) };
  }
  const faults = validateReplacement(current, draft);
  if (faults.length > 0) throw invalid(faults);
  if (isSameContents(current, draft)) return { outcome: 'unchanged', object: current };
  const { uid, creationTimestamp } = current.metadata;
  return { outcome: 'configured', object: store(draft, { ...stamp, uid, creationTimestamp }) };
}

/** An apply as a store carries it out: its answer, and the event to keep and tell of, where something changes. */
export type Application = { readonly applied: Applied; readonly event: ObjectEvent | undefined };

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
): StoredObject {
  const { name, namespace, labels, annotations } = draft.metadata;
  const { uid, resourceVersion, creationTimestamp } = added;
  return { ...draft, metadata: { name, namespace, labels, annotations, uid, resourceVersion, creationTimestamp } };
}
