import { expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { describeRef } from '../../../src/objects/object.ts';
import { accountRefOf, objectRefsOf } from '../../../src/spec/object-refs.ts';
import { parseVolumeSource } from '../../../src/spec/parse-volume-source.ts';

const refs = (raw: unknown) =>
  objectRefsOf(orThrow(parseVolumeSource(raw, '')), 'ns').map(
    ({ ref, optional }) => `${describeRef(ref)}${optional ? '?' : ''}`,
  );

const secret = (name: string, optional: boolean) => ({ secret: { name, optional } });
const configMap = (name: string, optional: boolean) => ({ configMap: { name, optional } });

it.each([
  [{ secret: { secretName: 'db' } }, ['Secret ns/db']],
  [{ configMap: { name: 'c', optional: true } }, ['ConfigMap ns/c?']],
  [{ request: {} }, []],
  [
    { projected: { sources: [secret('a', true), configMap('a', true), secret('a', true)] } },
    ['Secret ns/a?', 'ConfigMap ns/a?'],
  ],
  [
    { projected: { sources: [secret('a', true), secret('b', false), secret('a', false)] } },
    ['Secret ns/a', 'Secret ns/b'],
  ],
  [{ projected: { sources: [secret('a', false), secret('a', true)] } }, ['Secret ns/a']],
])('%j needs %j', (raw, needed) => {
  expect(refs(raw)).toEqual(needed);
});

it.each([
  [undefined, 'default'],
  [{ serviceAccountName: '' }, 'default'],
  [{ serviceAccountName: 'web' }, 'web'],
])('the tokens of %j speak for %s', (pod, name) => {
  expect(accountRefOf(pod, 'ns')).toEqual({ kind: 'ServiceAccount', namespace: 'ns', name });
});
