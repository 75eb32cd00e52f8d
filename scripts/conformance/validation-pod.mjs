/** @typedef {import('./validation-values.mjs').Fields} Fields */
/** @typedef {import('./validation-values.mjs').Case} Case */

/** @param {Fields} [spec] @param {Fields} [metadata] @returns {Fields} */
export function pod(spec = {}, metadata = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', ...metadata },
    spec: { containers: [container()], ...spec },
  };
}

/** @param {Fields} [fields] */
export function container(fields = {}) {
  return { name: 'app', image: 'busybox', ...fields };
}

/** @param {Fields} fields */
export const withContainer = (fields) => pod({ containers: [container(fields)] });
/** @param {Fields} source */
export const withVolume = (source) => pod({ volumes: [{ name: 'v', ...source }] });
/** @param {Fields} valueFrom */
export const withVariable = (valueFrom) => withContainer({ env: [{ name: 'A', valueFrom }] });
/** @param {Fields} fields */
export const withMount = (fields) =>
  pod({
    volumes: [{ name: 'v', secret: { secretName: 's' } }],
    containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...fields }] })],
  });

/** Everything that Lantern reads of a Pod is in one of these. @type {readonly Fields[]} */
export const VALID_PODS = [
  pod(
    {
      serviceAccountName: 'robot',
      automountServiceAccountToken: false,
      nodeName: 'node-1',
      imagePullSecrets: [{ name: 'pull' }],
      securityContext: { fsGroup: 2000 },
      volumes: [
        { name: 'db', secret: { secretName: 'db', defaultMode: 256, optional: true } },
        { name: 'settings', configMap: { name: 'settings', items: [{ key: 'a', path: 'b/a', mode: 420 }] } },
        { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
        {
          name: 'facts',
          downwardAPI: {
            items: [
              { path: 'labels', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } },
              { path: 'cpu', resourceFieldRef: { containerName: 'app', resource: 'limits.cpu', divisor: '1m' } },
            ],
          },
        },
      ],
      initContainers: [{ name: 'prepare', image: 'busybox' }],
      containers: [
        container({
          envFrom: [
            { secretRef: { name: 'db', optional: true }, prefix: 'DB_' },
            { configMapRef: { name: 'settings' } },
          ],
          env: [
            { name: 'A', value: 'a' },
            { name: 'B', valueFrom: { secretKeyRef: { name: 'db', key: 'password', optional: false } } },
            { name: 'C', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
            { name: 'D', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'E', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
          ],
          resources: { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m' } },
          volumeMounts: [
            { name: 'db', mountPath: '/etc/db', readOnly: true },
            { name: 'settings', mountPath: '/etc/settings', subPath: 'b' },
            { name: 'scratch', mountPath: '/tmp', subPathExpr: '$(A)' },
          ],
        }),
      ],
    },
    { namespace: 'default', labels: { app: 'web' }, annotations: { note: 'x' }, uid: '1' },
  ),
  pod({
    volumes: [
      {
        name: 'all',
        projected: {
          defaultMode: 288,
          sources: [
            { secret: { name: 'a', items: [{ key: 'k', path: 'p', mode: 256 }], optional: true } },
            { configMap: { name: 'b', optional: false } },
            { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' }, mode: 256 }] } },
            { serviceAccountToken: { path: 'token', audience: 'x', expirationSeconds: 600 } },
          ],
        },
      },
    ],
  }),
];
