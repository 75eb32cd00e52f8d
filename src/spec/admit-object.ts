import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { LAST_APPLIED, type ObjectDraft } from '../objects/object.ts';
import { validateObject } from '../objects/validate-object.ts';
import { parseVolumeSource } from './parse-volume-source.ts';

/**
 * The full check before an object is stored, except for rules that depend on the stored object (immutable, type), which
 * the store checks. The returned draft lacks kubectl's copy of the manifest.
 */
export function admitObject(given: ObjectDraft): Parsed<ObjectDraft> {
  let draft = given;
  if (given.metadata.annotations.has(LAST_APPLIED)) {
    const annotations = new Map(given.metadata.annotations);
    annotations.delete(LAST_APPLIED);
    draft = { ...given, metadata: { ...given.metadata, annotations } };
  }
  const faults = [...validateObject(draft)];
  if (draft.kind === 'ProjectedVolume') {
    const spec = parseVolumeSource(draft.spec, 'spec');
    if (!spec.ok) faults.push(...spec.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed(draft);
}
