import { container, pod, withContainer, withMount, withVariable, withVolume } from './validation-pod.mjs';
import {
  DIVISORS,
  ENV_NAMES,
  FIELD_PATHS,
  KEYS,
  MODES,
  NAMES,
  one,
  PATHS,
  QUANTITIES,
  RESOURCES,
} from './validation-values.mjs';
import { mountCases, samePathCases } from './validation-volumes.mjs';

/** @typedef {import('./validation-values.mjs').Fields} Fields */
/** @typedef {import('./validation-values.mjs').Case} Case */

/** Each at one place of its own. @type {readonly Case[]} */
export const POD_CASES = [
  ...MODES.flatMap((mode) => [
    one('a default mode', mode, withVolume({ secret: { secretName: 's', defaultMode: mode } })),
    one('a mode', mode, withVolume({ configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode }] } })),
    one("a projected volume's mode", mode, withVolume({ projected: { sources: [], defaultMode: mode } })),
  ]),
  ...QUANTITIES.flatMap((amount) => [
    one('a limit', amount, withContainer({ resources: { limits: { cpu: amount } } })),
    one('a request', amount, withContainer({ resources: { requests: { memory: amount } } })),
    one(
      'a request beside a limit of 1',
      amount,
      withContainer({ resources: { limits: { cpu: 1 }, requests: { cpu: amount } } }),
    ),
  ]),
  ...RESOURCES.flatMap((resource) => [
    one('a limit of', resource, withContainer({ resources: { limits: { [resource]: '4Mi' } } })),
    one(
      'a limit beside memory of',
      resource,
      withContainer({ resources: { limits: { memory: 1, [resource]: '4Mi' } } }),
    ),
    one('a request of', resource, withContainer({ resources: { requests: { [resource]: '4Mi' } } })),
    one('an odd limit of', resource, withContainer({ resources: { limits: { memory: 1, [resource]: '1.5' } } })),
    one(
      'less than the limit of',
      resource,
      withContainer({ resources: { limits: { memory: 1, [resource]: '4Mi' }, requests: { [resource]: '2Mi' } } }),
    ),
    one(
      'a variable for the limit of',
      resource,
      withVariable({ resourceFieldRef: { resource: `limits.${resource}` } }),
    ),
    one(
      'a file for the request of',
      resource,
      withVolume({
        downwardAPI: {
          items: [{ path: 'p', resourceFieldRef: { containerName: 'app', resource: `requests.${resource}` } }],
        },
      }),
    ),
  ]),
  ...['cpu', 'memory', 'ephemeral-storage', 'hugepages-2Mi'].flatMap((resource) =>
    DIVISORS.map((divisor) =>
      one(
        `a divisor of limits.${resource}`,
        divisor,
        withVariable({ resourceFieldRef: { resource: `limits.${resource}`, divisor } }),
      ),
    ),
  ),
  ...FIELD_PATHS.flatMap((fieldPath) => [
    one('a variable of', fieldPath, withVariable({ fieldRef: { fieldPath } })),
    one('a file of', fieldPath, withVolume({ downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath } }] } })),
    one(
      'a projected file of',
      fieldPath,
      withVolume({ projected: { sources: [{ downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath } }] } }] } }),
    ),
  ]),
  ...['v1', '', 'v2', 'apps/v1', 1, null].flatMap((apiVersion) => [
    one(
      'apiVersion of a fieldRef of a variable',
      apiVersion,
      withVariable({ fieldRef: { apiVersion, fieldPath: 'metadata.name' } }),
    ),
    one(
      'apiVersion of a fieldRef of a file',
      apiVersion,
      withVolume({ downwardAPI: { items: [{ path: 'p', fieldRef: { apiVersion, fieldPath: 'metadata.name' } }] } }),
    ),
  ]),
  ...PATHS.flatMap((path) => [
    one('a path', path, withVolume({ secret: { secretName: 's', items: [{ key: 'k', path }] } })),
    one("a token's path", path, withVolume({ projected: { sources: [{ serviceAccountToken: { path } }] } })),
    one('a subPath', path, withMount({ subPath: path })),
    one('a subPathExpr', path, withMount({ subPathExpr: path })),
    one('a mountPath', path, withMount({ mountPath: path })),
    one('an absolute mountPath', path, withMount({ mountPath: `/x/${path}` })),
  ]),
  ...NAMES.flatMap((name) => [
    one('a name', name, pod({}, { name })),
    one('a namespace', name, pod({}, { namespace: name })),
    one("a container's name", name, withContainer({ name })),
    one("a volume's name", name, pod({ volumes: [{ name, emptyDir: {} }] })),
    one("a Secret's name", name, withVolume({ secret: { secretName: name } })),
    one("a projected ConfigMap's name", name, withVolume({ projected: { sources: [{ configMap: { name } }] } })),
    one('an account', name, pod({ serviceAccountName: name })),
    one('a pull secret', name, pod({ imagePullSecrets: [{ name }] })),
    one("a Secret's name in envFrom", name, withContainer({ envFrom: [{ secretRef: { name } }] })),
    one("a ConfigMap's name in env", name, withVariable({ configMapKeyRef: { name, key: 'k' } })),
    one('a label', name, pod({}, { labels: { [name]: 'x' } })),
    one("a label's value", name, pod({}, { labels: { x: name } })),
    one('an annotation', name, pod({}, { annotations: { [name]: 'x' } })),
  ]),
  ...KEYS.flatMap((key) => [
    one('a key', key, withVolume({ secret: { secretName: 's', items: [{ key, path: 'p' }] } })),
    one('a key of a variable', key, withVariable({ secretKeyRef: { name: 's', key } })),
  ]),
  ...ENV_NAMES.flatMap((name) => [
    one('a variable', name, withContainer({ env: [{ name, value: 'x' }] })),
    one('a prefix', name, withContainer({ envFrom: [{ prefix: name, secretRef: { name: 's' } }] })),
  ]),
  ...[599, 600, 2 ** 32, 2 ** 32 + 1, 1.5, '600', -1, 0].map((expirationSeconds) =>
    one(
      'a lifetime',
      expirationSeconds,
      withVolume({ projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds } }] } }),
    ),
  ),
  ...[-1, 0, 2 ** 31 - 1, 2 ** 31, '1'].map((fsGroup) =>
    one('fsGroup', fsGroup, pod({ securityContext: { fsGroup } })),
  ),
  ...['', ' ', 'busybox', ' busybox', 'Busy Box', null].map((image) =>
    one('an image', image, withContainer({ image })),
  ),
  { name: 'no container', object: pod({ containers: [] }) },
  { name: 'two containers of one name', object: pod({ containers: [container(), container()] }) },
  { name: 'an init container of that name', object: pod({ initContainers: [container()] }) },
  { name: 'two volumes of one name', object: pod({ volumes: [{ name: 'v' }, { name: 'v' }] }) },
  { name: 'a volume of two sources', object: withVolume({ emptyDir: {}, secret: { secretName: 's' } }) },
  {
    name: 'a projected source of two',
    object: withVolume({ projected: { sources: [{ secret: { name: 's' }, configMap: { name: 'c' } }] } }),
  },
  { name: 'a projected source of none', object: withVolume({ projected: { sources: [{}] } }) },
  {
    name: 'a variable of two sources',
    object: withVariable({ secretKeyRef: { name: 's', key: 'k' }, configMapKeyRef: { name: 's', key: 'k' } }),
  },
  { name: 'a variable of none', object: withVariable({}) },
  {
    name: 'a variable with a value and a source',
    object: withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
  },
  {
    name: 'a variable with an empty value and a source',
    object: withContainer({ env: [{ name: 'A', value: '', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
  },
  { name: 'a file of a variable', object: withVariable({ fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } }) },
  { name: 'a mount of no volume', object: withMount({ name: 'x' }) },
  { name: 'both subPaths', object: withMount({ subPath: 'a', subPathExpr: 'b' }) },
  ...samePathCases(),
  ...mountCases(),
  ...['env', 'envfrom', 'volumeMount', 'volumemounts', 'Image', 'ports'].map((field) =>
    one('a field of a container', field, withContainer({ [field]: [] })),
  ),
  ...['volume', 'Volumes', 'container', 'restartpolicy', 'tolerations', 'hostnetwork'].map((field) =>
    one('a field of a spec', field, pod({ [field]: [] })),
  ),
  ...['label', 'Name', 'annotation', 'finalizers', 'ownerReferences', 'managedFields'].map((field) =>
    one('a field of metadata', field, pod({}, { [field]: [] })),
  ),
];
