import { describe, expect, test } from 'vitest';
import { editorOf, manifestIn, parseEdited, textToEdit } from '../../../../src/cli/changing/edited-object.ts';
import type { StoredObject } from '../../../../src/objects/object.ts';

const ORIGINAL: StoredObject = {
  kind: 'Secret',
  metadata: {
    name: 's',
    namespace: 'team',
    labels: new Map(),
    annotations: new Map(),
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-11-23T12:00:00Z',
  },
  type: 'Opaque',
  data: new Map(),
  immutable: false,
};

test('comments above the manifest come off again; those inside are its own', () => {
  const manifest = 'kind: Secret\n# mine\ndata: {}';
  expect(manifestIn(textToEdit(manifest, ['one', 'two\nlines']))).toBe(manifest);
  expect(textToEdit(manifest, ['two\nlines'])).toMatch(/^# \* two\\x0alines$/m);
});

test.each(['', '\n \n', '# only\n# comments\n', textToEdit('', [])])('%j holds no manifest', (text) => {
  expect(manifestIn(text)).toBe('');
});

describe('the draft', () => {
  const edited = (more: string) => parseEdited(`apiVersion: v1\nkind: Secret\nmetadata: {name: s${more}}\n`, ORIGINAL);

  test('is for the revision that was read, or the one it names', () => {
    expect(edited('')).toMatchObject({ ok: true, value: { metadata: { namespace: 'team', resourceVersion: '7' } } });
    expect(edited(', resourceVersion: "9"')).toMatchObject({ value: { metadata: { resourceVersion: '9' } } });
  });

  test.each([
    ['metadata.name', 'apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n'],
    ['metadata.namespace', 'apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: other}\n'],
    ['kind', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\n'],
    ['kind', 'apiVersion: v1\nkind: Pod\nmetadata: {name: s}\n'],
  ])('has to keep its %s', (field, manifest) => {
    expect(parseEdited(manifest, ORIGINAL)).toMatchObject({
      ok: false,
      faults: [{ field, message: expect.stringMatching(/^must stay "/) }],
    });
  });

  test('has no null, which would be nothing: neither an empty value nor a key taken away', () => {
    const manifest = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {l: }}\nstringData:\n  password:\n';
    expect(parseEdited(manifest, ORIGINAL)).toMatchObject({
      ok: false,
      faults: [
        { field: 'stringData[password]', message: expect.stringMatching(/^is null, .*; leave it out, or write ""$/) },
        { field: 'metadata.labels[l]' },
      ],
    });
  });

  test('is one', () => {
    const one = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n';
    expect(parseEdited(`${one}---\n${one}`, ORIGINAL)).toMatchObject({ faults: [{ message: 'must be one object' }] });
  });
});

test('the first editor that is named, else vi', () => {
  const all = { KUBE_EDITOR: 'k', VISUAL: 'v', EDITOR: 'e' };
  expect(editorOf(all)).toBe('k');
  expect(editorOf({ ...all, KUBE_EDITOR: '' })).toBe('v');
  expect(editorOf({ EDITOR: 'e' })).toBe('e');
  expect(editorOf({})).toBe('vi');
});
