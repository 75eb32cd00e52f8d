import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OBJECT_KINDS } from '../../src/objects/object.ts';
import type { ApplyRequest } from '../../src/rpc/generated/lantern/v1/ApplyRequest.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rejectionOf, rejectionOfStream } from '../support/suite/expectations.ts';

/** Looks like a secret, is sent where secrets go, and must never come back. */
const PLANTED = 'hunter2-planted';
const KINDS = OBJECT_KINDS.join(', ');

let harness: DaemonHarness;
let standing: unknown;

async function world(): Promise<unknown> {
  const lists = OBJECT_KINDS.map((kind) => harness.client.objects.list({ kind, withData: true }));
  const { volumes } = await harness.client.projector.listVolumes({});
  const password = readFileSync(harness.target('standing/password'), 'utf8');
  return { objects: await Promise.all(lists), volumes, password };
}

beforeAll(async () => {
  harness = await DaemonHarness.start();
  await harness.applySecret('db', { password: PLANTED });
  const definition = { source: { secret: { secretName: 'db' } } };
  await harness.client.projector.mount({ volumeId: 'standing', definition, targetPath: harness.target('standing') });
  standing = await world();
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

type Refusal = readonly [name: string, change: object, message: RegExp, code?: string];

/** Every one of them is sent as a change to the valid request, is refused with that message, and changes nothing. */
function refuses(valid: object, call: (request: object) => Promise<Error>, table: readonly Refusal[]): void {
  afterEach(async () => {
    expect(await world()).toEqual(standing);
    expect(harness.logLines.join('')).not.toContain(PLANTED);
  });

  for (const [name, change, message, code = 'invalid-argument'] of table) {
    it(name, async () => {
      const error = await call({ ...valid, ...change });
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(error.message).not.toContain(PLANTED);
    });
  }
}

const value = Buffer.from(PLANTED);
const named = (name: string, more: object = {}) => ({ metadata: { name, ...more } });
const secret = (fields: object) => ({ object: { ...named('new'), secret: { data: { password: value }, ...fields } } });
const withMetadata = (metadata: object) => ({ object: { metadata, secret: { data: { password: value } } } });
const volume = (specJson: string) => ({ object: { ...named('new'), projectedVolume: { specJson } } });
const deep = (open: string, close: string) =>
  `{"secret":{"secretName":"${PLANTED}","items":${open.repeat(40_000)}${close.repeat(40_000)}}}`;

describe('Apply refuses', () => {
  refuses(secret({}), (request) => rejectionOf(harness.client.objects.apply(request)), [
    ['a mode that is none', { ...secret({}), mode: 7 as 2 }, /^mode: must be REPLACE or MERGE, or left out$/],
    ['what is to be removed without a merge', { ...secret({}), removed: ['data[a]'] }, /^removed: needs mode MERGE; /],
    [
      'the same with REPLACE',
      { ...secret({}), mode: 'REPLACE', removed: ['data[a]'] },
      /^removed: needs mode MERGE; .* leave the key out or give it an empty value$/,
    ],
    ...['type', 'immutable', 'spec', 'metadata.name', 'data', 'data[', 'data[a]b', 'xdata[a]', '', `${PLANTED}[a]`].map(
      (name): [string, ApplyRequest, RegExp] => [
        `"${name}" to be removed`,
        { ...secret({}), mode: 'MERGE', removed: ['data[a]', name] },
        /^removed\[1\]: must be a key in brackets behind data, stringData, binaryData, /,
      ],
    ),
    ['no object', { object: null }, /^object: is required$/],
    ['an object without a body', { object: named('new') }, /^object: must hold one of secret, config_map,/],
    ['no metadata', { object: { secret: {} } }, /^metadata\.name: must not be empty$/],
    ['a name that is none', withMetadata({ name: 'A b' }), /^metadata\.name: must be a DNS-1123 subdomain/],
    [
      'a namespace that is none',
      withMetadata({ name: 'a', namespace: 'a.b' }),
      /^metadata\.namespace: must be a DNS-1123 label/,
    ],
    ['a label key that is none', withMetadata({ name: 'a', labels: { 'a b': '' } }), /^metadata\.labels\[a b\]: /],
    ['a label value that is none', withMetadata({ name: 'a', labels: { a: 'b c' } }), /^metadata\.labels\[a\]: /],
    [
      'annotations past their limit',
      withMetadata({ name: 'a', annotations: { a: 'x'.repeat(262_144) } }),
      /^metadata\.annotations: Too long/,
    ],
    ['a data key that is a path', secret({ data: { 'a/b': value } }), /^data\[a\/b\]: a key has letters/],
    ['data past the limit', secret({ data: { a: Buffer.alloc(1_048_577) } }), /^data: Too long: .*1048576 bytes$/],
    [
      'a docker config that is none',
      secret({ type: 'kubernetes.io/dockerconfigjson' }),
      /^data\[\.dockerconfigjson\]: /,
    ],
    [
      'a docker config that is no JSON',
      secret({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': value } }),
      /^data\[\.dockerconfigjson\]: /,
    ],
    [
      'one key in data and binary data',
      { object: { ...named('new'), configMap: { data: { a: PLANTED }, binaryData: { a: value } } } },
      /^binaryData\[a\]: this key is in data as well$/,
    ],
    [
      'a reference that is no name',
      { object: { ...named('new'), serviceAccount: { secrets: ['A b'] } } },
      /^secrets\[0\]\.name: /,
    ],
    [
      'a spec that is no JSON',
      volume(`{"secret": ${PLANTED}}, }`),
      /^object\.projected_volume\.spec_json: line 1, column/,
    ],
    [
      'a spec that ends early',
      volume(`{"secret": {"secretName": "${PLANTED}`),
      /^object\.projected_volume\.spec_json: line 1/,
    ],
    ['no spec', volume(''), /^(spec|object\.projected_volume\.spec_json): /],
    ['a spec of two documents', volume('{}\n---\n{}'), /^object\.projected_volume\.spec_json: must be one document$/],
    ['a spec nested in lists without end', volume(deep('[', ']')), /spec_json: .*nested/],
    ['a spec nested in mappings without end', volume(deep('{"a":', '}').replace(':}', ':1}')), /spec_json: .*nested/],
    ['a spec nested without end that breaks off', volume(deep('[', '')), /spec_json: .*nested/],
    ['a spec of no kind', volume('{}'), /^spec: must have exactly one of/],
    [
      'a path that climbs',
      volume('{"secret":{"secretName":"a","items":[{"key":"a","path":"../a"}]}}'),
      /^spec\.secret\.items\[0\]\.path: /,
    ],
    // Half of a surrogate pair cannot be encoded as it is.
    [
      'an unknown field of half a character',
      volume('{"secret":{"secretName":"a"},"\\ud800":1}'),
      /^spec\.\ufffd: unknown field/,
    ],
    [
      'an object that exists, when it should not',
      { ...secret({}), object: { ...named('db'), secret: {} }, createOnly: true },
      /Secret default\/db/,
      'already-exists',
    ],
    [
      'another version than the current one',
      withMetadata({ name: 'db', resourceVersion: '1' }),
      /Secret default\/db/,
      'aborted',
    ],
    [
      'another type than the stored one',
      { object: { ...named('db'), secret: { type: 'other' } } },
      /^type: cannot change/,
    ],
    [
      'a body and metadata that are both wrong',
      { object: { metadata: { name: 'A b' } } },
      /^object: must hold.*; metadata\.name: must be/,
    ],
    [
      'all of it at once',
      {
        object: {
          metadata: { name: '', namespace: 'a.b', labels: { 'a b': 'c d' } },
          projectedVolume: { specJson: PLANTED.repeat(2) },
        },
      },
      /^metadata\.name: .*; metadata\.namespace: .*; metadata\.labels\[a b\]: .*; metadata\.labels\[a b\]: .*; spec: /,
    ],
  ]);
});

const REFERENCES: readonly Refusal[] = [
  ['no reference', { ref: null }, /^ref: is required$/],
  ['no kind', { ref: { name: 'db' } }, new RegExp(`^ref\\.kind: must be one of ${KINDS}$`)],
  [
    'a kind that is none',
    { ref: { kind: 'secrets', name: 'db' } },
    new RegExp(`^ref\\.kind: must be one of ${KINDS}$`),
  ],
  ['no name', { ref: { kind: 'Secret' } }, /^ref\.name: must not be empty$/],
  ['a namespace that is none', { ref: { kind: 'Secret', name: 'db', namespace: 'A' } }, /^ref\.namespace: must be/],
  ['a slash in the name', { ref: { kind: 'Secret', name: 'a/b' } }, /^ref\.name: must be a DNS-1123 subdomain/],
  [
    'all of it at once',
    { ref: { kind: 'x', name: '', namespace: 'A' } },
    /^ref\.kind: .*; ref\.namespace: .*; ref\.name: /,
  ],
  [
    'what does not exist',
    { ref: { kind: 'ConfigMap', name: 'db' } },
    /^ConfigMap default\/db does not exist/,
    'not-found',
  ],
];

describe('Get refuses', () => {
  refuses(
    { ref: { kind: 'Secret', name: 'db' } },
    (request) => rejectionOf(harness.client.objects.get(request)),
    REFERENCES,
  );
});

describe('Delete refuses', () => {
  refuses({ ref: { kind: 'Secret', name: 'db' } }, (request) => rejectionOf(harness.client.objects.delete(request)), [
    ...REFERENCES,
    ['another version than the current one', { resourceVersion: '1' }, /Secret default\/db/, 'aborted'],
  ]);
});

describe('List refuses', () => {
  refuses({ kind: 'Secret' }, (request) => rejectionOf(harness.client.objects.list(request)), [
    ['no kind', { kind: '' }, /^kind: must be one of/],
    ['a kind that is none', { kind: 'Pod' }, /^kind: must be one of/],
    ['a namespace that is none', { namespace: 'A' }, /^namespace: must be/],
    ['a negative page', { pageSize: -1 }, /^page_size: must not be negative$/],
    ['a token that nobody gave out', { pageToken: '%' }, /^page_token: must be the next_page_token/],
    [
      'all of it at once',
      { kind: '', namespace: 'A', pageSize: -1, pageToken: '%' },
      /^kind: .*; namespace: .*; page_size: .*; page_token: /,
    ],
  ]);
});

describe('Watch refuses', () => {
  refuses({}, (request) => rejectionOfStream(harness.client.objects.watch(request)), [
    ['a kind that is none', { kind: 'Pod' }, /^kind: must be one of/],
    ['a namespace that is none', { namespace: 'A' }, /^namespace: must be/],
    ['a revision that is none', { resourceVersion: '-1' }, /^resource_version: must be a resource_version/],
    ['a revision that no number holds', { resourceVersion: '9'.repeat(30) }, /^resource_version: must be/],
    [
      'all of it at once',
      { kind: 'x', namespace: 'A', resourceVersion: 'x' },
      /^kind: .*; namespace: .*; resource_version: /,
    ],
    ['a revision long past', { resourceVersion: '1' }, /compacted.*list again/, 'out-of-range'],
    ['a revision to come', { resourceVersion: '9007199254740991' }, /list again/, 'out-of-range'],
  ]);
});

describe('objects', () => {
  it('show their values only to who asks for them', async () => {
    const { objects } = harness.client;
    const ref = { kind: 'Secret', name: 'db' };
    expect((await objects.get({ ref })).object?.secret).toMatchObject({
      data: {},
      sizes: { password: PLANTED.length },
    });
    expect((await objects.list({ kind: 'Secret' })).objects[0]?.secret?.data).toEqual({});
    expect((await objects.get({ ref, withData: true })).object?.secret?.data).toEqual({ password: value });
    const applied = await objects.apply({ object: { ...named('db'), secret: { data: { password: value } } } });
    expect(applied).toMatchObject({ outcome: 'UNCHANGED', object: { secret: { data: {} } } });
  });

  it('show the names that the last manifest put only to who asks for them, and never to who watches', async () => {
    const { objects } = harness.client;
    const { resourceVersion } = await objects.list({ kind: 'ConfigMap' });
    const object = { metadata: { name: 'recorded', labels: { l: '1' } }, configMap: { data: { a: '1' } } };
    await objects.apply({ object, mode: 'MERGE' });
    const ref = { kind: 'ConfigMap', name: 'recorded' };
    const record = { names: ['metadata.labels[l]', 'data[a]'] };
    expect((await objects.get({ ref, withData: true })).object?.applied).toBeNull();
    expect((await objects.get({ ref, withApplied: true })).object?.applied).toEqual(record);
    const list = async (withApplied: boolean) => {
      const page = await objects.list({ kind: 'ConfigMap', withApplied });
      return page.objects.find(({ metadata }) => metadata?.name === 'recorded')?.applied;
    };
    expect([await list(false), await list(true)]).toEqual([null, record]);
    for await (const event of objects.watch({ kind: 'ConfigMap', resourceVersion, withData: true })) {
      expect(event.object).toMatchObject({ configMap: { data: { a: '1' } }, applied: null });
      break;
    }
    await objects.delete({ ref });
  });

  it('are no larger for names that are not theirs, and requests have only so many', async () => {
    const { objects } = harness.client;
    const object = { metadata: { name: 'bounded' }, configMap: { data: { a: '1' } } };
    const names = (count: number) => Array.from({ length: count }, (_, index) => `data[${'x'.repeat(300)}${index}]`);
    const copy = (count: number) =>
      objects.apply({ object: { ...object, applied: { names: [...names(count), 'data[a]'] } }, mode: 'REPLACE' });
    const merge = (count: number) => objects.apply({ object, mode: 'MERGE', removed: names(count) });
    await copy(19_000);
    const ref = { kind: 'ConfigMap', name: 'bounded' };
    expect((await objects.get({ ref, withApplied: true })).object?.applied).toEqual({ names: ['data[a]'] });
    expect((await merge(19_000)).outcome).toBe('UNCHANGED');
    for (const call of [copy, merge]) await expect(call(20_000)).rejects.toThrow('no more than 20000 fields');
    await objects.delete({ ref });
  });

  it('are replaced, as ever, for who knows no modes, and nothing is recorded', async () => {
    const { objects } = harness.client;
    const apply = (data: Record<string, string>) =>
      objects.apply({ object: { metadata: { name: 'old-client' }, configMap: { data } } });
    const ref = { kind: 'ConfigMap', name: 'old-client' };
    await apply({ a: '1', b: '2' });
    await apply({ b: '3' });
    const { object } = await objects.get({ ref, withData: true, withApplied: true });
    expect(object).toMatchObject({ configMap: { data: { b: '3' } }, applied: null });
    await objects.delete({ ref });
  });

  it('are listed once each, in pages of the size asked for, while others come and go', async () => {
    const { objects } = harness.client;
    const apply = (name: string) =>
      objects.apply({ object: { metadata: { name, namespace: 'pages' }, configMap: {} } });
    const names = Array.from({ length: 23 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
    await Promise.all(names.map(apply));
    const seen: string[] = [];
    for (let pageToken = '', round = 0; round === 0 || pageToken !== ''; round += 1) {
      const page = await objects.list({ kind: 'ConfigMap', namespace: 'pages', pageSize: 5, pageToken });
      expect(page.objects.length).toBeLessThanOrEqual(5);
      seen.push(...page.objects.map(({ metadata }) => metadata?.name ?? ''));
      pageToken = page.nextPageToken;
      // Behind, before and beside what was read already.
      await apply(`aaa-${round}`);
      await objects.delete({ ref: { kind: 'ConfigMap', namespace: 'pages', name: seen.at(-1) ?? '' } });
    }
    expect(seen).toEqual(names);
  });

  it('are listed in answers that any client takes, however large they are together', async () => {
    const { objects } = harness.client;
    const data = { blob: Buffer.alloc(1_000_000, 'x') };
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    for (const name of names)
      await objects.apply({ object: { metadata: { name, namespace: 'large' }, secret: { data } } });
    const seen: string[] = [];
    const pages: number[] = [];
    let pageToken = '';
    do {
      const page = await objects.list({ kind: 'Secret', namespace: 'large', withData: true, pageToken });
      pages.push(page.objects.length);
      seen.push(...page.objects.map(({ metadata }) => metadata?.name ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(names);
    expect(pages).toEqual([3, 3, 1]);
    for (const name of names) await objects.delete({ ref: { kind: 'Secret', namespace: 'large', name } });
  });

  it('are followed from the revision of a list, without a gap', async () => {
    const { objects } = harness.client;
    const { resourceVersion } = await objects.list({ kind: 'ServiceAccount' });
    const apply = (annotations: Record<string, string>) =>
      objects.apply({ object: { metadata: { name: 'followed', annotations }, serviceAccount: {} } });
    await apply({ step: '1' });
    await apply({ step: '2' });
    await objects.delete({ ref: { kind: 'ServiceAccount', name: 'followed' } });
    const types: string[] = [];
    for await (const { type, object } of objects.watch({ kind: 'ServiceAccount', resourceVersion })) {
      types.push(`${type} ${object?.metadata?.annotations?.step}`);
      if (type === 'DELETED') break;
    }
    expect(types).toEqual(['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
  });

  it('are followed from the revision of any page, without a gap between the pages', async () => {
    const { objects } = harness.client;
    const apply = (name: string, step: string) =>
      objects.apply({ object: { metadata: { name, namespace: 'between', annotations: { step } }, configMap: {} } });
    for (const name of ['a', 'b', 'c']) await apply(name, '1');
    const list = { kind: 'ConfigMap', namespace: 'between', pageSize: 2 };
    const { nextPageToken: pageToken } = await objects.list(list);
    await apply('a', '2');
    const { objects: rest, resourceVersion } = await objects.list({ ...list, pageToken });
    expect(rest.map(({ metadata }) => metadata?.name)).toEqual(['c']);
    for await (const { object } of objects.watch({ ...list, resourceVersion })) {
      expect(object?.metadata).toMatchObject({ name: 'a', annotations: { step: '2' } });
      break;
    }
  });

  it('keep a key called __proto__', async () => {
    const data = Object.fromEntries([['__proto__', value]]);
    const { objects } = harness.client;
    await objects.apply({ object: { ...named('proto'), secret: { data } } });
    const { object } = await objects.get({ ref: { kind: 'Secret', name: 'proto' }, withData: true });
    expect(Object.entries(object?.secret?.data ?? {})).toEqual([['__proto__', value]]);
  });
});
