import type { ObjectDraft, StoredObject } from './object.ts';

/** What a user says about the object: without its uid, revision, time and record, which are the store's. */
export function draftOf({ applied: _, ...object }: StoredObject): ObjectDraft {
  const { name, namespace, labels, annotations } = object.metadata;
  return { ...object, metadata: { name, namespace, labels, annotations } };
}
