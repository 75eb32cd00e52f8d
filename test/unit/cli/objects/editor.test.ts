import { expect, test } from 'vitest';
import { editorOf } from '../../../../src/cli/objects/edited-object.ts';

test('the first editor that is named, else vi', () => {
  const all = { KUBE_EDITOR: 'k', VISUAL: 'v', EDITOR: 'e' };
  expect(editorOf(all)).toBe('k');
  expect(editorOf({ ...all, KUBE_EDITOR: '' })).toBe('v');
  expect(editorOf({ EDITOR: 'e' })).toBe('e');
  expect(editorOf({})).toBe('vi');
});
