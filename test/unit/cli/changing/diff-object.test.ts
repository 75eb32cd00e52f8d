import { expect, test } from 'vitest';
import { keyDifferences, valueDifferences } from '../../../../src/cli/changing/diff-object.ts';
import { styleFor } from '../../../../src/cli/output/text.ts';
import type { StoredObject } from '../../../../src/objects/object.ts';

const PLAIN = styleFor(false);
const VALUE = 'pl4nted-v4lue';

function secret(data: Readonly<Record<string, string>>, metadata: object = {}): StoredObject {
  return {
    kind: 'Secret',
    metadata: {
      name: 'db',
      namespace: 'shop',
      labels: new Map(),
      annotations: new Map(),
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-11-30T00:00:00Z',
      ...metadata,
    },
    type: 'Opaque',
    data: new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)])),
    immutable: false,
  };
}

const map = (text: string): StoredObject => {
  const { metadata } = secret({});
  return { kind: 'ConfigMap', metadata, data: new Map([['text', text]]), binaryData: new Map(), immutable: false };
};

test('what differs is named with its size, also if only the bytes differ, and no value is shown', async () => {
  const before = secret(
    { same: 'a', other: VALUE, gone: VALUE, shorter: 'ab' },
    { annotations: new Map([['note', VALUE]]) },
  );
  const after = {
    ...secret({ same: 'a', other: VALUE.toUpperCase(), more: `${VALUE}ä`, shorter: 'a' }),
    immutable: true,
  };
  expect(keyDifferences(before, after, PLAIN)).toBe(
    [
      'Secret shop/db would be configured',
      '  - data[gone]                   13 bytes',
      '  + data[more]                   15 bytes',
      '  ~ data[other]                  13 -> 13 bytes',
      '  ~ data[shorter]                2 -> 1 byte',
      '  + immutable',
      '  - metadata.annotations[note]',
    ].join('\n'),
  );
});

test('what the store adds is no difference; an object without anything can be new', async () => {
  const [before, after] = [secret({ a: 'b' }), secret({ a: 'b' }, { uid: 'v', resourceVersion: '8' })];
  expect(keyDifferences(before, after, PLAIN)).toBeUndefined();
  expect(await valueDifferences(before, after, PLAIN)).toBeUndefined();
  expect(keyDifferences(undefined, { ...map(''), data: new Map() } as StoredObject, PLAIN)).toBe(
    'ConfigMap shop/db would be created',
  );
});

test('a name from elsewhere cannot steer the terminal', () => {
  const after = secret({}, { annotations: new Map([['a\x1b[2J', 'b']]) });
  expect(keyDifferences(secret({}), after, PLAIN)).toContain('metadata.annotations[a\\x1b[2J]');
});

test('long texts without a common line are refused in time', async () => {
  const text = (word: string) => Array.from({ length: 60_000 }, (_, line) => `${word} ${line}`).join('\n');
  await expect(valueDifferences(map(text('a')), map(text('b')), PLAIN)).rejects.toMatchObject({
    code: 'resource-exhausted',
    message: 'compare ConfigMap shop/db: it differs too much; leave out --show-values',
  });
});
