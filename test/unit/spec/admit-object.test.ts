import { describe, expect, test } from 'vitest';
import { admitObject } from '../../../src/spec/admit-object.ts';
import { projectedVolumeDraft, secretDraft } from '../../support/objects/builders.ts';

describe('admit object', () => {
  test('a good draft is admitted as it is', () => {
    const draft = secretDraft('db', { password: 'hunter2' });
    expect(admitObject(draft)).toEqual({ ok: true, value: draft });
  });

  test("kubectl's copy of the manifest is dropped, other annotations stay", () => {
    const annotations = new Map([
      ['kubectl.kubernetes.io/last-applied-configuration', '{"data":{"password":"aHVudGVyMg=="}}'],
      ['example.com/owner', 'blue'],
    ]);
    const admitted = admitObject(secretDraft('db', {}, { metadata: { annotations } }));
    expect(admitted).toMatchObject({ value: { metadata: { annotations: new Map([['example.com/owner', 'blue']]) } } });
    expect(annotations.size).toBe(2);
  });

  test('faults of the object and of its volume source come together', () => {
    const admitted = admitObject(projectedVolumeDraft('Not_A_Name', { secret: { secretNam: 'db' } }));
    expect(admitted.ok).toBe(false);
    const fields = admitted.ok ? [] : admitted.faults.map(({ field }) => field);
    expect(fields).toContain('metadata.name');
    expect(fields.some((field) => field.startsWith('spec.secret'))).toBe(true);
  });
});
