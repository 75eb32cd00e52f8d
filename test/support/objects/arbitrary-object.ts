import fc from 'fast-check';
import { type ObjectDraft, refKey, refOf } from '../../../src/objects/object.ts';

/**
 * Objects as a store may hold them, with what makes copies go wrong: odd keys, no values, every byte, every character.
 */

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,6}[a-z0-9])?$/).filter((text) => !/\.[-.]|-\./.test(text));
const namespace = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?$/);
// Kubernetes allows them, JavaScript's objects have opinions about them.
const oddKey = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '10');
const dataKey = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,8}$/) },
  { weight: 1, arbitrary: oddKey },
);
const labelKey = fc.oneof(
  fc.stringMatching(/^([a-z]{1,5}\.io\/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,4}[A-Za-z0-9])?$/),
  fc.constantFrom('constructor', 'toString'),
);
const labelValue = fc.stringMatching(/^([A-Za-z0-9]([-._A-Za-z0-9]{0,6}[A-Za-z0-9])?)?$/);
const text = fc.string({ unit: 'binary', maxLength: 40 });
// Now and then more than an archive's frame.
const bytes = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 40_000, max: 140_000 }).map((length) => new Uint8Array(length).fill(length)),
  },
);

const mapOf = <V>(key: fc.Arbitrary<string>, value: fc.Arbitrary<V>) =>
  fc.uniqueArray(fc.tuple(key, value), { selector: ([each]) => each, maxLength: 4 }).map((pairs) => new Map(pairs));

const metadata = fc.record(
  { name, namespace, labels: mapOf(labelKey, labelValue), annotations: mapOf(labelKey, text) },
  { noNullPrototype: true },
);

const volumeSource = fc.constantFrom<unknown>(
  { secret: { secretName: 'a', defaultMode: 256, items: [{ key: '__proto__', path: 'x/y' }] } },
  { configMap: { name: 'b', optional: true } },
  { projected: { sources: [{ downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } }] } },
);

const credential = fc.record(
  {
    name: dataKey,
    source: fc.record(
      { kind: fc.constantFrom('Secret' as const, 'ConfigMap' as const), name, key: dataKey, optional: fc.boolean() },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

/** Valid on its own; neither signing keys nor a Secret that the daemon fills. */
export const arbitraryObject: fc.Arbitrary<ObjectDraft> = fc.oneof(
  fc.record({
    kind: fc.constant('Secret' as const),
    metadata,
    type: fc.constantFrom('Opaque', 'example.com/odd', 'bootstrap.example.com/token'),
    data: mapOf(dataKey, bytes),
    immutable: fc.boolean(),
  }),
  fc
    .record({
      kind: fc.constant('ConfigMap' as const),
      metadata,
      data: mapOf(dataKey, text),
      binaryData: mapOf(dataKey, bytes),
      immutable: fc.boolean(),
    })
    .map((map) => ({ ...map, binaryData: new Map([...map.binaryData].filter(([key]) => !map.data.has(key))) })),
  fc.record({
    kind: fc.constant('ServiceAccount' as const),
    metadata,
    secrets: fc.array(name, { maxLength: 3 }),
    imagePullSecrets: fc.array(name, { maxLength: 3 }),
    automountServiceAccountToken: fc.constantFrom(undefined, true, false),
  }),
  fc.record({ kind: fc.constant('ProjectedVolume' as const), metadata, spec: volumeSource }),
  fc.record({
    kind: fc.constant('UnitCredentials' as const),
    metadata,
    units: fc.array(fc.constantFrom('app.service', 'web@*.service', '*.mount'), { minLength: 1, maxLength: 3 }),
    credentials: fc.uniqueArray(credential, { selector: (each) => each.name, minLength: 1, maxLength: 3 }),
  }),
);

/** Any set of them, each name once. */
export const arbitraryObjects: fc.Arbitrary<ObjectDraft[]> = fc.uniqueArray(arbitraryObject, {
  selector: (draft) => refKey(refOf(draft)),
  maxLength: 8,
});
