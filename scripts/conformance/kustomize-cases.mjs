/**
 * A tree of files, and the directory in it that is built. Without `decided` both must build the same objects, or both
 * refuse it. With `decided` they differ because that was decided: the words in docs/differences.md that say so, and
 * `ours`, what Lantern prints instead.
 *
 * @typedef {{ name: string, at?: string, files: Readonly<Record<string, string>>,
 *   outcome?: 'same' | 'both refuse', decided?: string, ours?: string | 'refused' }} KustomizeCase
 */

const A = '{name: a, literals: [k=v, n=1]}';
const MAP_A = `configMapGenerator: [${A}]\n`;
const SECRET_A = `secretGenerator: [${A}]\n`;

/** @param {string} name @param {string} [more] */
const map = (name, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${more}}\ndata: {a: "1", b: two}\n`;
/** @param {string} name */
const secret = (name) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, labels: {app: x}, annotations: {note: v}}\ntype: Opaque\n` +
  'data: {key: eQ==}\nstringData: {z: plain}\n';
/** @param {string} name @param {string} ref @param {string} [more] */
const pod = (name, ref, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}${more}}\nspec:\n  serviceAccountName: acc\n` +
  `  imagePullSecrets: [{name: ${ref}}]\n  volumes:\n  - {name: s, secret: {secretName: ${ref}}}\n` +
  `  - {name: m, configMap: {name: ${ref}}}\n` +
  `  - {name: p, projected: {sources: [{secret: {name: ${ref}}}, {configMap: {name: ${ref}}}]}}\n` +
  `  initContainers: [{name: i, image: i, env: [{name: E, valueFrom: {secretKeyRef: {name: ${ref}, key: k}}}]}]\n` +
  `  containers:\n  - name: c\n    image: i\n    envFrom: [{secretRef: {name: ${ref}}}, {configMapRef: {name: ${ref}}}]\n` +
  `    env: [{name: E, valueFrom: {configMapKeyRef: {name: ${ref}, key: k}}}]\n`;
/** @param {string} name */
const account = (name) =>
  `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}}\nimagePullSecrets: [{name: a}]\n`;
/** @param {string} name */
const deployment = (name) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec:\n  template:\n    spec:\n      serviceAccountName: acc\n` +
  '      volumes: [{name: s, secret: {secretName: a}}]\n      containers: [{name: c, image: i, envFrom: [{configMapRef: {name: a}}]}]\n';

/** One kustomization, alone in its directory but for resources. @param {string} text @param {Record<string, string>} [more] */
const alone = (text, more = {}) => ({ 'kustomization.yaml': text, ...more });
/** An overlay over a base beside it. @param {string} base @param {string} overlay @param {Record<string, string>} [more] */
const layered = (base, overlay, more = {}) => ({
  'base/kustomization.yaml': base,
  'overlays/test/kustomization.yaml': `resources: [../../base]\n${overlay}`,
  ...more,
});
const OVERLAY = 'overlays/test';
const COMPONENT = 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n';
/** Patches of a Secret and a ConfigMap. @param {string} text @param {Record<string, string>} [more] */
const patching = (text, more = {}) =>
  alone(`resources: [s.yaml, m.yaml]\n${text}`, {
    's.yaml': secret('s'),
    'm.yaml': map('m', ', namespace: other'),
    ...more,
  });
/** @param {string} operations @param {string} [target] */
const json = (operations, target = '{kind: Secret}') => `patches: [{target: ${target}, patch: '[${operations}]'}]\n`;
/** @param {string} fields @param {string} [more] of the entry */
const merging = (fields, more = '') =>
  `patches: [{patch: '{apiVersion: v1, kind: Secret, metadata: {name: s}, ${fields}}'${more}}]\n`;

/** @type {readonly KustomizeCase[]} */
export const KUSTOMIZE_CASES = [
  // Generators
  { name: 'a generator of each kind', files: alone(MAP_A + SECRET_A) },
  { name: 'empty generators', files: alone('secretGenerator: [{name: s}]\nconfigMapGenerator: [{name: m}]\n') },
  { name: 'types', files: alone('secretGenerator: [{name: s, type: a/b}, {name: t, type: ""}]\n') },
  {
    name: 'files, in lines when they are long, bytes and HTML',
    files: alone(
      'secretGenerator: [{name: s, files: [long.txt, sub/k.txt, other=sub/k.txt]}]\n' +
        'configMapGenerator: [{name: m, files: [long.txt, sub/k.txt]}]\n',
      { 'long.txt': 'x'.repeat(200), 'sub/k.txt': '<&>\u2028\n' },
    ),
  },
  {
    name: 'env and envs',
    files: alone(
      'configMapGenerator: [{name: m, env: a.env, envs: [b.env]}]\nsecretGenerator: [{name: s, env: a.env}]\n',
      {
        'a.env': 'A=1\n# c\n\n B=2 =\nE=\n',
        'b.env': 'C="3"\r\nD=4',
      },
    ),
  },
  {
    name: 'quotes of literals',
    files: alone(`configMapGenerator: [{name: m, literals: ["a='b'", 'c="', 'd="e"', f==]}]\n`),
  },
  {
    name: 'options of all and of one',
    files: alone(
      'generatorOptions: {labels: {a: all, b: all}, annotations: {note: v}, disableNameSuffixHash: true}\n' +
        `configMapGenerator: [{name: m, options: {labels: {b: own}, immutable: true}}]\n${SECRET_A}`,
    ),
  },
  { name: 'a namespace of a generator', files: alone('configMapGenerator: [{name: m, namespace: q}, {name: m}]\n') },
  { name: 'a key twice', outcome: 'both refuse', files: alone('secretGenerator: [{name: s, literals: [a=1, a=2]}]\n') },
  { name: 'a generator twice', outcome: 'both refuse', files: alone('secretGenerator: [{name: s}, {name: s}]\n') },
  { name: 'a missing file', outcome: 'both refuse', files: alone('secretGenerator: [{name: s, files: [none]}]\n') },

  // Layers
  { name: 'a base two directories up', at: OVERLAY, files: layered(MAP_A + SECRET_A, '') },
  {
    name: 'bases',
    at: 'o',
    files: { 'o/kustomization.yaml': 'bases: [../b]\n', 'b/kustomization.yaml': MAP_A },
  },
  {
    name: 'a Pod of the base, prefix, suffix, namespace, labels and annotations over it',
    at: OVERLAY,
    files: layered(
      `${MAP_A}${SECRET_A}resources: [pod.yaml, account.yaml]\nnamePrefix: base-\n`,
      'namePrefix: test-\nnameSuffix: -v1\nnamespace: team\ncommonLabels: {a: b}\ncommonAnnotations: {c: d}\n' +
        'labels: [{pairs: {e: f, g: h}, includeSelectors: true}, {pairs: {e: i}}]\n',
      { 'base/pod.yaml': pod('web', 'a'), 'base/account.yaml': account('acc') },
    ),
  },
  {
    name: 'a Pod of the overlay refers to the names of the base, as written and as they were',
    at: OVERLAY,
    files: layered(`${MAP_A}${SECRET_A}namePrefix: x-\n`, '', {
      'overlays/test/kustomization.yaml': 'resources: [../../base, p.yaml, q.yaml]\n',
      'overlays/test/p.yaml': pod('p', 'a'),
      'overlays/test/q.yaml': pod('q', 'x-a'),
    }),
  },
  {
    name: 'one base by two ways',
    at: 'o',
    files: {
      'base/kustomization.yaml': `${MAP_A}${SECRET_A}resources: [pod.yaml]\n`,
      'base/pod.yaml': pod('p', 'a'),
      'x/kustomization.yaml': 'namePrefix: x-\nresources: [../base]\n',
      'y/kustomization.yaml': 'nameSuffix: -y\nresources: [../base]\n',
      'o/kustomization.yaml': 'namePrefix: o-\nresources: [../x, ../y]\n',
    },
  },
  {
    name: 'a reference that could mean either of two',
    at: 'o',
    files: {
      'base/kustomization.yaml': MAP_A,
      'x/kustomization.yaml': 'namePrefix: x-\nresources: [../base]\n',
      'y/kustomization.yaml': 'nameSuffix: -y\nresources: [../base]\n',
      'o/kustomization.yaml': 'resources: [../x, ../y, pod.yaml]\n',
      'o/pod.yaml': pod('p', 'a'),
    },
  },
  {
    name: 'a reference that means two of the same way',
    outcome: 'both refuse',
    files: alone('resources: [pod.yaml]\nnamePrefix: p-\nconfigMapGenerator: [{name: a}, {name: p-a}]\n', {
      'pod.yaml': pod('p', 'p-a'),
    }),
  },
  {
    name: 'a Pod of another namespace',
    files: alone(`${MAP_A}${SECRET_A}resources: [p.yaml, q.yaml]\n`, {
      'p.yaml': pod('p', 'a', ', namespace: other'),
      'q.yaml': pod('q', 'a', ', namespace: default'),
    }),
  },
  {
    name: 'an object that is for local use',
    files: alone('resources: [m.yaml]\n', {
      'm.yaml': map('m', ', annotations: {config.kubernetes.io/local-config: "true"}'),
    }),
  },
  {
    name: 'a List',
    files: alone('namePrefix: p-\nresources: [l.yaml]\n', {
      'l.yaml': `apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]\n`,
    }),
  },
  {
    name: 'fields without effect',
    files: alone(`${MAP_A}metadata: {name: x}\nsortOptions: {order: fifo}\nimages: [{name: i, newTag: b}]\n`),
  },
  { name: 'a base twice', outcome: 'both refuse', at: OVERLAY, files: layered(MAP_A, 'bases: [../../base]\n') },
  {
    name: 'bases in a circle',
    outcome: 'both refuse',
    at: 'a',
    files: { 'a/kustomization.yaml': 'resources: [../b]\n', 'b/kustomization.yaml': 'resources: [../a]\n' },
  },
  {
    name: 'the directory above as a base',
    outcome: 'both refuse',
    at: 'b',
    files: { 'kustomization.yaml': MAP_A, 'b/kustomization.yaml': 'resources: [..]\n' },
  },
  { name: 'an absolute base', outcome: 'both refuse', files: alone('resources: [/tmp]\n') },
  {
    name: 'a resource file above',
    outcome: 'both refuse',
    at: 'o',
    files: { 'o/kustomization.yaml': 'resources: [../m.yaml]\n', 'm.yaml': map('m') },
  },
  {
    name: 'a generator file above',
    outcome: 'both refuse',
    at: 'o',
    files: { 'o/kustomization.yaml': 'secretGenerator: [{name: s, files: [../f]}]\n', f: 'x' },
  },
  {
    name: 'two namespaces become one',
    outcome: 'both refuse',
    files: alone('resources: [m.yaml, n.yaml]\nnamespace: c\n', {
      'm.yaml': map('m', ', namespace: a'),
      'n.yaml': map('m', ', namespace: b'),
    }),
  },

  // behavior
  {
    name: 'merge',
    at: OVERLAY,
    files: layered(
      'secretGenerator:\n- {name: a, type: mine, literals: [k=v, l=w], options: {labels: {l: b}, annotations: {x: b}, immutable: true}}\n',
      'secretGenerator: [{name: a, behavior: merge, literals: [l=n, m=n], options: {labels: {k: o, l: o}}}]\n',
    ),
  },
  {
    name: 'replace',
    at: OVERLAY,
    files: layered(MAP_A, 'configMapGenerator: [{name: a, behavior: replace, literals: [x=1]}]\n'),
  },
  {
    name: 'a merge without suffix over one with it',
    at: OVERLAY,
    files: layered(
      `${MAP_A}secretGenerator: [{name: s, options: {disableNameSuffixHash: true}}]\n`,
      'configMapGenerator: [{name: a, behavior: merge, options: {disableNameSuffixHash: true}}]\n' +
        'secretGenerator: [{name: s, behavior: merge, literals: [a=b]}]\n',
    ),
  },
  {
    name: 'a merge by the name before the prefix, and by the one after it',
    at: 'o',
    files: {
      'base/kustomization.yaml': `namePrefix: p-\n${MAP_A}${SECRET_A}`,
      'o/kustomization.yaml':
        'resources: [../base]\nconfigMapGenerator: [{name: a, behavior: merge, literals: [x=1]}]\n' +
        'secretGenerator: [{name: p-a, behavior: merge, literals: [x=1]}]\n',
    },
  },
  {
    name: 'a merge into a base that was moved to a namespace',
    at: OVERLAY,
    files: layered(`namespace: team\n${MAP_A}`, 'configMapGenerator: [{name: a, behavior: merge, literals: [x=1]}]\n'),
  },
  {
    name: 'a merge into a manifest',
    files: alone('resources: [s.yaml]\nsecretGenerator: [{name: s, behavior: merge, literals: [b=3]}]\n', {
      's.yaml': secret('s'),
    }),
  },
  {
    name: 'a merge into nothing',
    outcome: 'both refuse',
    files: alone('secretGenerator: [{name: s, behavior: merge}]\n'),
  },
  {
    name: 'a merge into another namespace',
    outcome: 'both refuse',
    at: OVERLAY,
    files: layered(
      'configMapGenerator: [{name: a, namespace: team}]\n',
      'configMapGenerator: [{name: a, behavior: merge}]\n',
    ),
  },
  {
    name: 'a merge into what is generated beside it',
    files: alone('configMapGenerator: [{name: m, literals: [a=1]}, {name: m, behavior: merge, literals: [b=2]}]\n'),
  },
  { name: 'a second one by that name', outcome: 'both refuse', at: OVERLAY, files: layered(MAP_A, MAP_A) },

  // Components
  {
    name: 'a component merges, adds and renames',
    at: OVERLAY,
    files: layered(MAP_A, 'components: [../../c]\nconfigMapGenerator: [{name: top}]\nnameSuffix: -o\n', {
      'c/kustomization.yaml': `${COMPONENT}namePrefix: c-\nconfigMapGenerator: [{name: a, behavior: merge, literals: [c=1]}, {name: own}]\n`,
    }),
  },
  {
    name: 'a component patches, and comes with resources',
    at: OVERLAY,
    files: layered(MAP_A, 'components: [../../c, ../../d]\n', {
      'c/kustomization.yaml': `${COMPONENT}resources: [m.yaml]\n${json('{"op": "add", "path": "/data/p", "value": "1"}', '{kind: ConfigMap}')}`,
      'c/m.yaml': map('m'),
      'd/kustomization.yaml': `${COMPONENT}commonLabels: {d: d}\n`,
    }),
  },
  { name: 'a component alone', files: alone(COMPONENT + MAP_A) },
  {
    name: 'a component among resources',
    outcome: 'both refuse',
    files: alone('resources: [c]\n', { 'c/kustomization.yaml': COMPONENT + MAP_A }),
  },
  {
    name: 'a kustomization among components',
    outcome: 'both refuse',
    files: alone('components: [c]\n', { 'c/kustomization.yaml': MAP_A }),
  },

  // JSON patches
  {
    name: 'every operation',
    files: patching(
      json(
        '{"op": "test", "path": "/data/key", "value": "eQ=="}, {"op": "copy", "from": "/data/key", "path": "/data/x"}, ' +
          '{"op": "move", "from": "/stringData/z", "path": "/stringData/w"}, {"op": "remove", "path": "/data/key"}, ' +
          '{"op": "replace", "path": "/metadata/labels/app", "value": "r"}, ' +
          '{"op": "add", "path": "/metadata/annotations/a.b~1c", "value": "e"}',
      ),
    ),
  },
  { name: 'replace what is not there', files: patching(json('{"op": "replace", "path": "/data/q", "value": "cQ=="}')) },
  {
    name: 'a JSON patch changes the name',
    files: patching(`namePrefix: p-\n${json('{"op": "replace", "path": "/metadata/name", "value": "t"}')}`),
  },
  {
    name: 'remove what is not there',
    outcome: 'both refuse',
    files: patching(json('{"op": "remove", "path": "/data/q"}')),
  },
  {
    name: 'add below what is not there',
    outcome: 'both refuse',
    files: patching(json('{"op": "add", "path": "/no/q", "value": "x"}')),
  },
  {
    name: 'a test that fails',
    outcome: 'both refuse',
    files: patching(json('{"op": "test", "path": "/data/key", "value": "x"}')),
  },
  {
    name: 'a JSON patch without target',
    outcome: 'both refuse',
    files: patching(`patches: [{patch: '[{"op": "remove", "path": "/data"}]'}]\n`),
  },
  {
    name: 'targets: expressions, labels, annotations, a kind that is not there',
    files: patching(
      'patches:\n' +
        [
          ['{name: "[sm]"}', '/data/name'],
          ['{kind: Sec.*, version: v., group: ""}', '/data/kind'],
          ['{labelSelector: "app=x"}', '/data/label'],
          ['{annotationSelector: "note in (v,w)"}', '/data/annotation'],
          ['{namespace: o.*}', '/data/namespace'],
          ['{name: se}', '/data/none'],
          ['{kind: Job}', '/data/none'],
        ]
          .map(
            ([target, path]) => `- {target: ${target}, patch: '[{"op": "add", "path": "${path}", "value": "aaaa"}]'}\n`,
          )
          .join(''),
    ),
  },
  {
    name: 'patchesJson6902 by either name, after the prefix and the labels',
    files: patching(
      'namePrefix: p-\ncommonLabels: {at: first}\npatchesJson6902:\n' +
        `- {target: {version: v1, kind: Secret, name: s}, patch: '[{"op": "add", "path": "/metadata/labels/at", "value": "last"}]'}\n` +
        '- {target: {version: v1, kind: Secret, name: p-s}, path: j.json}\n',
      { 'j.json': '[{"op": "add", "path": "/data/j", "value": "ag=="}]' },
    ),
  },

  // Merge patches
  {
    name: 'a merge patch',
    files: patching(
      merging('metadata: {name: s, labels: {new: l}}, data: {key: null, n: bg==}').replace('metadata: {name: s}, ', ''),
    ),
  },
  {
    name: 'a merge patch from a file',
    files: patching('patches: [{path: p.yaml}]\n', { 'p.yaml': `${secret('s')}immutable: true\n` }),
  },
  {
    name: 'a merge patch of a hash',
    files: alone(`${SECRET_A}patches: [{path: p.yaml}]\n`, {
      'p.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {q: <b>}\ndata: {k: null}\n',
    }),
  },
  {
    name: 'a merge patch with a target: name, kind and namespace stay',
    files: patching(
      `patches:\n- target: {name: "[sm]"}\n  patch: '{apiVersion: v1, kind: Whatever, metadata: {name: w, namespace: z}, data: {a: Yg==}}'\n`,
    ),
  },
  {
    name: 'allowNameChange',
    files: patching(
      `namePrefix: p-\npatches:\n- target: {kind: Secret}\n  options: {allowNameChange: true}\n  patch: '{apiVersion: v1, kind: Secret, metadata: {name: w}}'\n`,
    ),
  },
  { name: '$patch: delete of an object', files: patching(merging('$patch: delete')) },
  {
    name: '$patch: delete and replace of data',
    files: patching(
      `${merging('data: {$patch: delete}').trimEnd().slice(0, -1)}, {patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: other}, data: {$patch: replace, q: r}}'}]\n`,
    ),
  },
  {
    name: 'patchesStrategicMerge, written here and in a file',
    files: patching(
      'patchesStrategicMerge:\n- |-\n  apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {new: bmV3}\n- sm.yaml\n',
      {
        'sm.yaml': `${map('m', ', namespace: other')}---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {more: bW9y}\n`,
      },
    ),
  },
  {
    name: 'an overlay patches what the base generates, by its name there',
    at: OVERLAY,
    files: layered(
      `namePrefix: b-\n${MAP_A}`,
      `patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: other}}'}]\n`,
    ),
  },
  {
    name: 'a patch of what is not there',
    outcome: 'both refuse',
    files: patching(merging('data: {}').replace('name: s', 'name: t')),
  },
  {
    name: 'a patch of another namespace',
    outcome: 'both refuse',
    files: patching(merging('data: {}').replace('Secret', 'ConfigMap').replace('name: s', 'name: m')),
  },
  {
    name: 'a patch with text and file',
    outcome: 'both refuse',
    files: patching(`patches: [{path: p.yaml, patch: 'a: b'}]\n`),
  },
  { name: 'a patch that is neither', outcome: 'both refuse', files: patching('patches: [{target: {kind: Secret}}]\n') },
  {
    name: 'a patch file above',
    outcome: 'both refuse',
    at: 'o',
    files: { 'o/kustomization.yaml': `${MAP_A}patches: [{path: ../p.yaml}]\n`, 'p.yaml': map('a') },
  },

  // Other kinds
  {
    name: 'a Deployment: its metadata, and the names in its Pods',
    at: OVERLAY,
    files: layered(
      `${MAP_A}${SECRET_A}resources: [d.yaml, account.yaml]\n`,
      'namePrefix: t-\nnamespace: team\nlabels: [{pairs: {a: b}}]\n',
      { 'base/d.yaml': deployment('web'), 'base/account.yaml': account('acc') },
    ),
  },
  {
    name: 'kinds without namespace, and a Namespace',
    files: alone('namespace: zz\nnamePrefix: p-\nresources: [n.yaml]\n', {
      'n.yaml': `apiVersion: v1\nkind: Namespace\nmetadata: {name: m}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: c}\n`,
    }),
  },

  // Decided otherwise
  {
    name: 'labels in selectors and templates',
    decided: 'Selectors and templates of other kinds',
    files: alone('commonLabels: {a: b}\nresources: [d.yaml]\n', { 'd.yaml': deployment('web') }),
    ours: deployment('web').replace('{name: web}', '{name: web, labels: {a: b}}'),
  },
  {
    name: 'a patch of a Deployment',
    decided: 'Patches of other kinds are skipped',
    files: alone(
      `resources: [d.yaml]\n${json('{"op": "add", "path": "/spec/replicas", "value": 2}', '{kind: Deployment}')}`,
      { 'd.yaml': deployment('web') },
    ),
    ours: deployment('web'),
  },
  {
    name: 'images and replicas',
    decided: '`images`, `replicas`, `sortOptions`',
    files: alone('resources: [d.yaml]\nimages: [{name: i, newTag: b}]\nreplicas: [{name: web, count: 2}]\n', {
      'd.yaml': deployment('web'),
    }),
    ours: deployment('web'),
  },
  {
    name: 'buildMetadata',
    decided: '`buildMetadata`',
    files: alone('resources: [m.yaml]\nbuildMetadata: [managedByLabel]\n', { 'm.yaml': map('m') }),
    ours: map('m'),
  },
  {
    name: 'a patch of a Pod',
    decided: 'Patches of Pods, ServiceAccounts, ProjectedVolumes and UnitCredentials',
    files: alone(`resources: [p.yaml]\n${json('{"op": "remove", "path": "/spec/volumes"}', '{kind: Pod}')}`, {
      'p.yaml': pod('p', 'a'),
    }),
    ours: 'refused',
  },
  {
    name: 'a merge patch of a ServiceAccount',
    decided: 'Patches of Pods, ServiceAccounts, ProjectedVolumes and UnitCredentials',
    files: alone(`resources: [a.yaml]\npatches: [{path: p.yaml}]\n`, {
      'a.yaml': account('a'),
      'p.yaml': `${account('a')}automountServiceAccountToken: false\n`,
    }),
    ours: 'refused',
  },
  {
    name: 'replacements',
    decided: '`replacements`',
    files: alone(
      'resources: [m.yaml]\nreplacements: [{source: {kind: ConfigMap, fieldPath: data.a}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.b]}]}]\n',
      { 'm.yaml': map('m') },
    ),
    ours: 'refused',
  },
  {
    name: 'the secrets of a ServiceAccount, ephemeral containers, the old field of the account, the account of a token',
    decided: 'More references are updated',
    files: alone('namePrefix: p-\nresources: [a.yaml]\n', {
      'a.yaml':
        'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nsecrets: [{name: t}]\n---\n' +
        'apiVersion: v1\nkind: Secret\nmetadata: {name: t, annotations: {kubernetes.io/service-account.name: a}}\ntype: kubernetes.io/service-account-token\n---\n' +
        'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  serviceAccount: a\n  ephemeralContainers: [{name: x, envFrom: [{secretRef: {name: t}}]}]\n',
    }),
    ours:
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: p-a}\nsecrets: [{name: p-t}]\n---\n' +
      'apiVersion: v1\nkind: Secret\nmetadata: {name: p-t, annotations: {kubernetes.io/service-account.name: p-a}}\ntype: kubernetes.io/service-account-token\n---\n' +
      'apiVersion: v1\nkind: Pod\nmetadata: {name: p-p}\nspec:\n  serviceAccount: p-a\n  ephemeralContainers: [{name: x, envFrom: [{secretRef: {name: p-t}}]}]\n',
  },
  {
    name: 'annotations: null in a patch with a target',
    decided: '`annotations: null`',
    files: alone(
      `resources: [s.yaml]\n${merging('metadata: {name: s, annotations: null, labels: null}', ', target: {kind: Secret}').replace('metadata: {name: s}, ', '')}`,
      { 's.yaml': secret('s') },
    ),
    ours: secret('s').replace(', labels: {app: x}, annotations: {note: v}', ''),
  },
  {
    name: 'a copy of what is not there',
    decided: '`copy` from a missing path in a JSON patch',
    files: patching(json('{"op": "copy", "from": "/data/q", "path": "/data/r"}')),
    ours: 'refused',
  },
  {
    name: 'an object that no API server would take',
    decided: 'Objects are validated',
    files: alone('secretGenerator: [{name: s, type: kubernetes.io/tls, literals: [a=b]}]\n'),
    ours: 'refused',
  },
];
