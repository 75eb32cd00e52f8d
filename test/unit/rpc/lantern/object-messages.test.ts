import { describe, expect, it } from 'vitest';
import type { ObjectDraft, StoredObject } from '../../../../src/objects/object.ts';
import {
  draftFromWire,
  objectFromWire,
  objectToWire,
  sizeOfObject,
} from '../../../../src/rpc/lantern/object-messages.ts';
import { lantern } from '../../../../src/rpc/protos.ts';
import {
  configMapDraft,
  credential,
  metadata,
  projectedVolumeDraft,
  secretDraft,
  serviceAccountDraft,
  stored,
  unitCredentialsDraft,
} from '../../../support/objects/builders.ts';

const { responseSerialize, responseDeserialize } = lantern.Objects.service.Get;
const apply = lantern.Objects.service.Apply;

function received(object: StoredObject, options = { withData: true }) {
  const { object: wire } = responseDeserialize(responseSerialize({ object: objectToWire(object, options) }));
  if (wire === null) throw new Error('no object arrived');
  return wire;
}

function sentDraft(wire: object) {
  const { object } = apply.requestDeserialize(apply.requestSerialize({ object: wire }));
  if (object === null) throw new Error('no object arrived');
  return draftFromWire(object);
}

const marks = { labels: new Map([['app', '']]), annotations: new Map([['note', '☂']]) };
const drafts: readonly (readonly [string, ObjectDraft])[] = [
  [
    'a Secret',
    secretDraft('db', { a: Buffer.from([0, 255]), empty: '', ['__proto__']: 'x' }, { type: 't', immutable: true }),
  ],
  ['a ConfigMap', configMapDraft('c', { text: 'ä', bytes: Buffer.from([0, 255]) }, { metadata: marks })],
  ['a ServiceAccount', serviceAccountDraft('s', { secrets: ['a'], imagePullSecrets: ['b'] })],
  ['a ServiceAccount that says no', serviceAccountDraft('s', { automountServiceAccountToken: false })],
  ['a ProjectedVolume', projectedVolumeDraft('p', { secret: { secretName: 'db' } })],
  [
    'UnitCredentials',
    unitCredentialsDraft('u', {
      units: ['app.service', 'web@*.service'],
      credentials: [credential('a', { optional: true }), credential('b', { kind: 'ConfigMap', key: 'k' })],
    }),
  ],
];

describe('an object', () => {
  it.each([
    ['Secret', 'data', 0x12],
    ['ConfigMap', 'binaryData', 0x1a],
  ])('of a %s has an empty value where the entry in %s was encoded without one', (_, field, tag) => {
    // An ApplyRequest: object { secret { data { key: "k" } } }, or config_map { binary_data … }.
    const bytes = Buffer.from([0x0a, 7, tag, 5, 0x12, 3, 0x0a, 1, 0x6b]);
    const { object } = apply.requestDeserialize(bytes);
    if (object === null) throw new Error('no object arrived');
    const draft: object = draftFromWire(object).draft;
    const values = new Map<string, unknown>(Reflect.get(draft, field));
    expect(values.get('k')).toStrictEqual(Buffer.alloc(0));
  });

  it.each(drafts)('is the same after the wire: %s', (_, draft) => {
    const object = stored(draft, { resourceVersion: '17' });
    const read = objectFromWire(received(object));
    expect(bytesAsText(read)).toEqual(bytesAsText(object));
  });

  it.each(drafts)('goes without its values unless they are asked for: %s', (_, draft) => {
    const { secret, configMap } = received(stored(draft), { withData: false });
    const values = [secret?.data, configMap?.data, configMap?.binaryData].flatMap((map) => Object.keys(map ?? {}));
    expect(values).toEqual([]);
  });

  it('tells the sizes of its values in bytes', () => {
    const object = stored(configMapDraft('c', { text: 'ä', bytes: Buffer.alloc(5) }));
    expect(received(object, { withData: false }).configMap?.sizes).toEqual({ text: 2, bytes: 5 });
  });

  it.each([
    ['values', secretDraft('db', { a: Buffer.alloc(100_000) })],
    ['many keys', secretDraft('db', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key-${i}`, ''])))],
    [
      'wide text',
      {
        ...configMapDraft('c', { a: '☂'.repeat(1000) }),
        metadata: metadata('c', { annotations: new Map([['a', '☂'.repeat(80_000)]]) }),
      },
    ],
    ['a spec', projectedVolumeDraft('p', { secret: { secretName: '☂'.repeat(10_000) } })],
    [
      'credentials',
      unitCredentialsDraft('u', {
        units: Array(100).fill('u'.repeat(250)),
        credentials: Array(100).fill(credential('c'.repeat(250), { name: 'n'.repeat(250), key: 'k'.repeat(250) })),
      }),
    ],
  ])('is taken for no smaller than it is: %s', (_, draft) => {
    for (const withData of [true, false]) {
      const bytes = responseSerialize({ object: objectToWire(stored(draft), { withData }) }).length;
      const taken = sizeOfObject(stored(draft), { withData });
      expect(taken).toBeGreaterThanOrEqual(bytes);
      expect(taken).toBeLessThan(3 * bytes + 2_000);
    }
  });
});

describe('a draft', () => {
  it('has the defaults of Kubernetes', () => {
    expect(sentDraft({ metadata: { name: 'a' }, secret: {} })).toMatchObject({
      faults: [],
      draft: { kind: 'Secret', type: 'Opaque', metadata: { namespace: 'default' } },
    });
  });

  it('asks for a version only where one is given', () => {
    expect(sentDraft({ metadata: {}, secret: {} }).draft.metadata).not.toHaveProperty('resourceVersion');
    expect(sentDraft({ metadata: { resourceVersion: '3' }, secret: {} }).draft.metadata.resourceVersion).toBe('3');
  });

  it.each([
    ['nothing', {}, 'object'],
    [
      'a credential of nothing',
      { unitCredentials: { units: ['a.service'], credentials: [{ name: 'a', secretKeyRef: {} }, { name: 'b' }] } },
      'object.unit_credentials.credentials[1]',
    ],
    ['a spec that is no JSON', { projectedVolume: { specJson: '{"hunter2"' } }, 'object.projected_volume.spec_json'],
    ['a spec of two documents', { projectedVolume: { specJson: '{}\n---\n{}' } }, 'object.projected_volume.spec_json'],
    ['a deep spec', { projectedVolume: { specJson: '['.repeat(1e6) } }, 'object.projected_volume.spec_json'],
    [
      'a deep valid spec',
      { projectedVolume: { specJson: '['.repeat(1e5) + ']'.repeat(1e5) } },
      'object.projected_volume.spec_json',
    ],
  ])('keeps its metadata when its body is %s', (_, body, field) => {
    const { draft, faults } = sentDraft({ metadata: { name: 'a' }, ...body });
    expect(draft.metadata.name).toBe('a');
    expect(faults.map((fault) => fault.field)).toEqual([field]);
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });

  it('of an answer is refused when it holds nothing that is known', () => {
    expect(() => objectFromWire({ ...received(stored(secretDraft('a'))), secret: null })).toThrow(/must hold one of/);
  });
});

/** Buffers and plain byte arrays with the same bytes are the same. */
function bytesAsText(object: StoredObject): unknown {
  return JSON.parse(
    JSON.stringify(object, (_, value) => (value instanceof Map ? [...value].map(([k, v]) => [k, textOf(v)]) : value)),
  );
}

function textOf(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}
