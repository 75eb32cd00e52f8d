import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../../src/base/errors.ts';
import { orThrow } from '../../../../src/base/parsed.ts';
import { type BuildOptions, type Built, buildKustomization } from '../../../../src/objects/kustomize/build.ts';
import type { KustomizeDirectory } from '../../../../src/objects/kustomize/kustomization.ts';
import { objectToManifest } from '../../../../src/objects/manifest/object-to-manifest.ts';

type Tree = Readonly<Record<string, string | Uint8Array>>;

const OPTIONS: BuildOptions = { defaultNamespace: 'default', suffixRule: 'kustomize', environment: { HOME: '/h' } };

const TOP = '/k/top';

function directoryOf(tree: Tree, path = TOP): KustomizeDirectory {
  const at = new Map(Object.entries(tree).map(([name, contents]) => [posix.join(TOP, name), contents]));
  const below = (directory: string) => [...at.keys()].filter((name) => name.startsWith(`${directory}/`));
  return {
    path,
    names: async () => below(path).map((name) => posix.relative(path, name)),
    read: async (name) => Buffer.from(at.get(posix.resolve(path, name)) ?? ''),
    directory: async (name) => {
      const found = posix.resolve(path, name);
      return below(found).length > 0 ? directoryOf(tree, found) : undefined;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function built(tree: Tree): Promise<Built> {
  return orThrow(await buildKustomization(directoryOf(tree), OPTIONS));
}

/** The manifests as they are printed; a Secret or ConfigMap as it is understood. */
async function build(tree: Tree): Promise<Record<string, unknown>[]> {
  const { documents } = await built(tree);
  return documents.map(({ raw, document }) => {
    return document.kind === 'object' ? objectToManifest(document.draft, { withData: true }) : { ...raw };
  });
}

async function faultsOf(tree: Tree): Promise<readonly Fault[]> {
  const result = await buildKustomization(directoryOf(tree), OPTIONS);
  return result.ok ? [] : result.faults;
}

function nameOf(manifest: Record<string, unknown> | undefined): string {
  return String((manifest?.metadata as { name?: unknown } | undefined)?.name);
}

const PLAIN = 'generatorOptions: {disableNameSuffixHash: true}\n';

describe('values of a generator', () => {
  test.each([
    ['literals: ["a=b=c"]', { a: 'b=c' }],
    [
      `literals: ['a="b"', "c='d'", "e='f\\"", 'g="', 'h=""', "i=''j''"]`,
      { a: 'b', c: 'd', e: `'f"`, g: '"', h: '', i: "'j'" },
    ],
    ['files: [sub/x.txt, key=sub/x.txt]', { 'x.txt': 'of x\n', key: 'of x\n' }],
    ['envs: [e.env]', { A: '1=2', HOME: '/h' }],
    ['env: e.env', { A: '1=2', HOME: '/h' }],
  ])('%s', async (fields, data) => {
    const tree = { 'sub/x.txt': 'of x\n', 'e.env': '# c\n\nA=1=2\nHOME\n' };
    const [map] = await build({ ...tree, Kustomization: `${PLAIN}configMapGenerator:\n- {name: m, ${fields}}` });
    expect(map).toMatchObject({ metadata: { name: 'm' }, data });
  });

  test('bytes that are not text go to binaryData', async () => {
    const text = `${PLAIN}configMapGenerator:\n- {name: m, files: [b]}`;
    const [map] = await build({ b: Buffer.of(0xff), 'kustomization.yml': text });
    expect(map).toMatchObject({ binaryData: { b: '/w==' } });
  });
});

test('options of all generators, and those of one', async () => {
  const text = `
generatorOptions: {labels: {a: all, b: all}, annotations: {n: v}, immutable: true}
secretGenerator:
- {name: s, type: mine, namespace: other, options: {labels: {b: own}, disableNameSuffixHash: true}}`;
  expect(await build({ 'kustomization.yaml': text })).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'mine',
      immutable: true,
      metadata: { name: 's', namespace: 'other', labels: { a: 'all', b: 'own' }, annotations: { n: 'v' } },
    },
  ]);
});

const POD = (secret: string, map: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: {
    imagePullSecrets: [{ name: secret }],
    volumes: [
      { name: 's', secret: { secretName: secret } },
      { name: 'm', configMap: { name: map } },
      { projected: { sources: [{ secret: { name: secret } }, { configMap: { name: map } }] } },
    ],
    ...Object.fromEntries(
      ['containers', 'initContainers', 'ephemeralContainers'].map((list) => [
        list,
        [
          {
            name: 's',
            envFrom: [{ secretRef: { name: secret } }, { configMapRef: { name: map } }],
            env: [
              { name: 's', value: 's' },
              { name: 'm', valueFrom: { secretKeyRef: { name: secret, key: 's' } } },
              { name: 'n', valueFrom: { configMapKeyRef: { name: map, key: 'm' } } },
            ],
          },
        ],
      ]),
    ),
  },
});

describe('references to generated names', () => {
  const GENERATORS = 'secretGenerator: [{name: s}]\nconfigMapGenerator: [{name: m}]\n';
  const map = 'm-6ct58987ht';

  test('in a Pod, and nowhere else in it', async () => {
    const text = `${GENERATORS}resources: [pod.json]`;
    const built = await build({ 'kustomization.yaml': text, 'pod.json': JSON.stringify(POD('s', 'm')) });
    expect(nameOf(built[0])).toBe(map);
    expect(nameOf(built[1])).toMatch(/^s-\w{10}$/);
    expect(built[2]).toEqual(POD(nameOf(built[1]), map));
  });

  test('in a ServiceAccount, a ProjectedVolume and UnitCredentials, but not of another namespace', async () => {
    const account = (namespace: string) =>
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: ${namespace}}\nsecrets: [{name: s}]\n`;
    const volume =
      'apiVersion: lantern.dev/v1\nkind: ProjectedVolume\nmetadata: {name: v}\nspec: {configMap: {name: m}}\n';
    const credentials =
      'apiVersion: lantern.dev/v1\nkind: UnitCredentials\nmetadata: {name: u}\nspec: {units: [a.service], credentials: ' +
      '[{name: a, secretKeyRef: {name: s, key: k}}, {name: b, configMapKeyRef: {name: m, key: k}}]}\n';
    const built = await build({
      'kustomization.yaml': `${GENERATORS}resources: [all.yaml]`,
      'all.yaml': [account('default'), account('other'), volume, credentials].join('---\n'),
    });
    const name = nameOf(built[1]);
    expect(built.slice(2)).toMatchObject([
      { secrets: [{ name }] },
      { secrets: [{ name: 's' }] },
      { spec: { configMap: { name: map } } },
      { spec: { credentials: [{ secretKeyRef: { name } }, { configMapKeyRef: { name: map } }] } },
    ]);
  });

  test('a directory of its own: its names are known above it, and it takes on the namespace', async () => {
    const pod = { ...POD('s', 'm'), metadata: { name: 'p', namespace: 'elsewhere' } };
    const built = await build({
      'kustomization.yaml': 'namespace: team\nresources: [base, pod.json]',
      'base/kustomization.yaml': GENERATORS,
      'pod.json': JSON.stringify(pod),
    });
    const name = nameOf(built[1]);
    expect(built[0]).toMatchObject({ metadata: { namespace: 'team', name: map } });
    expect(built[2]).toEqual({ ...POD(name, map), metadata: { name: 'p', namespace: 'team' } });
  });
});

describe('layers', () => {
  const BASE = 'configMapGenerator: [{name: m, literals: [a=1]}]';

  test('a base elsewhere, merged into, renamed, labelled and referred to by any of its names', async () => {
    const [map, ...pods] = await build({
      'kustomization.yaml': `
resources: [../base, p.yaml, q.yaml]
namePrefix: t-
nameSuffix: -v
namespace: team
labels: [{pairs: {a: b}}]
commonLabels: {c: d}
commonAnnotations: {e: f}
configMapGenerator: [{name: m, behavior: merge, literals: [b=2]}]`,
      '../base/kustomization.yaml': `namePrefix: x-\n${BASE}`,
      'p.yaml': JSON.stringify(POD('s', 'm')),
      'q.yaml': JSON.stringify({ ...POD('s', 'x-m'), metadata: { name: 'q' } }),
    });
    expect(map).toMatchObject({
      metadata: { namespace: 'team', labels: { a: 'b', c: 'd' }, annotations: { e: 'f' } },
      data: { a: '1', b: '2' },
    });
    expect(nameOf(map)).toMatch(/^t-x-m-v-\w{10}$/);
    expect(pods.map(nameOf)).toEqual(['t-p-v', 't-q-v']);
    for (const { spec } of pods) expect(spec).toEqual(POD('s', nameOf(map)).spec);
  });

  test('a base by two ways: each Pod means its own', async () => {
    const pod = { ...POD('m', 'm'), metadata: { name: 'p' } };
    const built = await build({
      'kustomization.yaml': 'resources: [../a, ../b]',
      '../a/kustomization.yaml': 'namePrefix: a-\nresources: [../base]',
      '../b/kustomization.yaml': 'namePrefix: b-\nresources: [../base]',
      '../base/kustomization.yaml': `${BASE}\nresources: [p.yaml]`,
      '../base/p.yaml': JSON.stringify(pod),
    });
    expect(built.map(nameOf)).toEqual(['a-m-h29d89cmmt', 'a-p', 'b-m-h29d89cmmt', 'b-p']);
    expect(built[1]?.spec).toEqual(POD('m', 'a-m-h29d89cmmt').spec);
    expect(built[3]?.spec).toEqual(POD('m', 'b-m-h29d89cmmt').spec);
  });

  test('the legacy suffix is over the name that it follows', async () => {
    const tree = {
      'kustomization.yaml': 'secretGenerator: [{name: db-user-pass, literals: [username=admin, password=secret]}]',
    };
    const legacy = orThrow(await buildKustomization(directoryOf(tree), { ...OPTIONS, suffixRule: 'legacy' }));
    expect(legacy.documents.map(({ raw }) => nameOf(raw))).toEqual(['db-user-pass-dddghtt9b5']);
  });

  test('a patch is skipped for what is only passed through, and refused for a Pod', async () => {
    const tree = (kind: string, apiVersion: string) => ({
      'kustomization.yaml': `
resources: [r.yaml]
${BASE}
patches: [{target: {kind: .*}, patch: '[{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]'}]`,
      'r.yaml': JSON.stringify({ apiVersion, kind, metadata: { name: 'r' } }),
    });
    const { documents, notices } = await built(tree('Service', 'v1'));
    expect(documents.map(({ raw }) => raw.metadata)).toEqual([
      { name: 'm-h29d89cmmt', labels: { a: 'b' } },
      { name: 'r' },
    ]);
    expect(notices).toEqual([
      'kustomization.yaml: patches[0] is skipped for Service "r", which is only passed through',
    ]);
    for (const [kind, apiVersion] of [
      ['Pod', 'v1'],
      ['ServiceAccount', 'v1'],
      ['ProjectedVolume', 'lantern.dev/v1'],
      ['UnitCredentials', 'lantern.dev/v1'],
    ] as const) {
      expect(await faultsOf(tree(kind, apiVersion))).toContainEqual({
        field: 'kustomization.yaml: patches[0]',
        message: expect.stringMatching(
          /^a patch of .* use kustomize itself: kustomize build DIR \| lantern apply -f -$/,
        ),
      });
    }
  });
});

describe('what a small tree could mean is bounded', () => {
  const chain = (length: number, entries: (next: string) => string): Tree =>
    Object.fromEntries(
      Array.from({ length }, (_, at) => [
        `../${at}/kustomization.yaml`,
        at === length - 1 ? 'configMapGenerator: [{name: m}]' : entries(`../${at + 1}`),
      ]).concat([['kustomization.yaml', 'resources: [../0]']]),
    );

  test.each<[string, Tree, string]>([
    ['levels', chain(101, (next) => `resources: [${next}]`), '100 levels'],
    ['ways', chain(40, (next) => `resources: [${next}, ${next}]`), '1000 kustomizations'],
    [
      'objects',
      {
        'kustomization.yaml': 'resources: [a.yaml, b.yaml]',
        ...Object.fromEntries(
          ['a', 'b'].map((file) => {
            const items = Array.from({ length: 5001 }, (_, at) => ({ kind: 'P', metadata: { name: `${file}${at}` } }));
            return [`${file}.yaml`, JSON.stringify({ kind: 'List', items })];
          }),
        ),
      },
      '10000 objects',
    ],
    [
      'patches',
      {
        'kustomization.yaml': `configMapGenerator: [{name: m}]\npatches:\n${'- {patch: p, target: {}}\n'.repeat(1001)}`,
      },
      '1000 patches',
    ],
  ])('%s', async (_, tree, message) => {
    await expect(buildKustomization(directoryOf(tree), OPTIONS)).rejects.toThrow(message);
  });
});

describe('faults', () => {
  const one = (text: string): Tree => ({ 'kustomization.yaml': text });
  test.each<[string, Tree, string, string]>([
    ['no kustomization', { x: '' }, 'directory "."', 'has no kustomization.yaml'],
    ['two of them', { ...one(PLAIN), Kustomization: PLAIN }, 'directory "."', 'has both'],
    ['an empty one', one('# nothing'), 'kustomization.yaml', 'is empty'],
    ['replacements', one('replacements: [{}]'), 'kustomization.yaml: replacements', 'kustomize build DIR | lantern'],
    ['a misspelling', one('resource: [x]'), 'kustomization.yaml: resource', 'did you mean "resources"?'],
    [
      'a merge of nothing',
      one('secretGenerator: [{name: s, behavior: merge}]'),
      'secretGenerator[0]',
      'no object of this name to merge',
    ],
    [
      'a literal',
      one('secretGenerator: [{name: s, literals: [pl4nted]}]'),
      'secretGenerator[0]: literals[0]',
      'KEY=VALUE',
    ],
    ['a key twice', one('secretGenerator: [{name: s, literals: [a=1, a=2]}]'), 'literals[1]', 'cannot add key a'],
    ['a bad key', one('secretGenerator: [{name: s, literals: ["a b=1"]}]'), 'literals[0]', ''],
    ['a remote resource', one('resources: ["https://example.org/x"]'), 'resources[0]', 'nothing is fetched'],
    [
      'a prefix that no name can have',
      one('namePrefix: Bad_\nsecretGenerator: [{name: s}]'),
      'secretGenerator[0] (Secret)',
      'DNS-1123',
    ],
    [
      'a wild pattern',
      one("secretGenerator: [{name: s}]\npatches: [{target: {name: '('}, patch: '[]'}]"),
      'patches[0]: target.name',
      'regular expression',
    ],
    ['a directory by its absolute path', one('resources: [/k/top]'), 'resources[0]', 'relative'],
    [
      'a component that is none',
      { ...one('components: [c]'), 'c/kustomization.yaml': PLAIN },
      'c/kustomization.yaml: kind',
      'Component',
    ],
    ['a circle', one('resources: ["."]'), 'resources[0]', 'taken in by itself'],
    [
      'a name twice',
      one(`${PLAIN}secretGenerator: [{name: s}, {name: s}]`),
      'secretGenerator[1]',
      'behavior: merge or replace',
    ],
    ['a bad resource', { ...one('resources: [r]'), r: 'kind: Secret' }, 'r: document 1 (Secret)', ''],
  ])('%s', async (_, tree, field, message) => {
    const faults = await faultsOf(tree);
    expect(faults).toContainEqual({ field: expect.stringContaining(field), message: expect.stringContaining(message) });
    expect(JSON.stringify(faults)).not.toContain('pl4nted');
  });
});
