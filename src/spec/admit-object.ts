import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { ObjectDraft } from '../objects/object.ts';
import { validateObject } from '../objects/validate-object.ts';
import { parseVolumeSource } from './parse-volume-source.ts';

/** kubectl writes the whole manifest here, with the data; kept, it would show them wherever annotations are shown. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The full check before a store sees an object: every fault at once, or the draft as it may be stored. What only the
 * stored state can refuse (immutable, type) is the store's to check.
 */
export function admitObject(given: ObjectDraft): Parsed<ObjectDraft> {
  const draft = withoutLastApplied(given);
  const faults = [...validateObject(draft)];
  if (draft.kind === 'ProjectedVolume') {
    const spec = parseVolumeSource(draft.spec, 'spec');
    if (!spec.ok) faults.push(...spec.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed(draft);
}

function withoutLastApplied(draft: ObjectDraft): ObjectDraft {
  if (!draft.metadata.annotations.has(LAST_APPLIED)) return draft;
  const annotations = new Map(draft.metadata.annotations);
  annotations.delete(LAST_APPLIED);
  return { ...draft, metadata: { ...draft.metadata, annotations } };
}
