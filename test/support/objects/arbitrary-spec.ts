import fc from 'fast-check';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseRelativePath, type RelativePath } from '../../../src/spec/relative-path.ts';
import type {
  DownwardItem,
  DownwardValue,
  FieldPath,
  KeyToPath,
  SourceSpec,
  VolumeSpec,
} from '../../../src/spec/volume-spec.ts';

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const pathOf = (text: string): RelativePath => orThrow(parseRelativePath(text, 'path'));

const mode = fc.integer({ min: 0, max: 0o777 });
const id = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const labelKey = fc.stringMatching(/^([a-z]{1,5}\.io\/)?[A-Za-z]{1,8}$/);
const path = fc.stringMatching(/^[a-z]{1,6}(\/\.?[a-z]{1,4})?$/).map(pathOf);
const file = { path, mode: maybe(mode), user: maybe(id), group: maybe(id) };

const fieldPath: fc.Arbitrary<FieldPath> = fc.oneof(
  fc.record({ kind: fc.constantFrom('name', 'namespace', 'uid', 'labels', 'annotations') }),
  fc.record({ kind: fc.constantFrom('label', 'annotation'), key: labelKey }),
);

const downwardValue: fc.Arbitrary<DownwardValue> = fc.oneof(
  fc.record({ kind: fc.constant('field'), field: fieldPath }),
  fc.record({
    kind: fc.constant('resource'),
    containerName: name,
    resource: fc.constantFrom('limits.cpu', 'requests.memory', 'limits.hugepages-2Mi'),
    divisor: fc.constantFrom('1', '1.0', '1000m'),
  }),
);

const keys: fc.Arbitrary<KeyToPath[]> = fc.array(fc.record({ key: name, ...file }), { minLength: 1, maxLength: 3 });
const downward: fc.Arbitrary<DownwardItem[]> = fc.array(fc.record({ value: downwardValue, ...file }), { maxLength: 3 });

const source: fc.Arbitrary<SourceSpec> = fc.oneof(
  fc.record({ kind: fc.constantFrom('secret', 'configMap'), name, items: maybe(keys), optional: fc.boolean() }),
  fc.record({ kind: fc.constant('request'), items: maybe(keys) }),
  fc.record({ kind: fc.constant('downwardAPI'), items: downward }),
  fc.record({
    kind: fc.constant('serviceAccountToken'),
    audience: fc.string(),
    expirationSeconds: fc.integer({ min: 600, max: 2 ** 32 }),
    path,
    user: maybe(id),
  }),
);

/** Any valid spec: no two of its literal paths conflict, because each starts with a number of its own. */
export const arbitrarySpec: fc.Arbitrary<VolumeSpec> = fc
  .record({
    sources: fc.array(source, { maxLength: 4 }),
    defaultMode: mode,
    defaultUser: maybe(id),
    defaultGroup: maybe(id),
  })
  .map((spec) => {
    let count = 0;
    const numbered = <T extends { readonly path: RelativePath }>(item: T): T => ({
      ...item,
      path: pathOf(`${count++}/${item.path}`),
    });
    // A clone has ordinary prototypes, which fast-check's records lack.
    return structuredClone({ ...spec, sources: spec.sources.map((each) => withPaths(each, numbered)) });
  });

function withPaths(each: SourceSpec, change: <T extends { readonly path: RelativePath }>(item: T) => T): SourceSpec {
  switch (each.kind) {
    case 'serviceAccountToken':
      return change(each);
    case 'downwardAPI':
      return { ...each, items: each.items.map(change) };
    default:
      return { ...each, items: each.items?.map(change) };
  }
}
