/** The manifests and volume specs that the demo works with. */

export function secretManifest(password: string): string {
  return `apiVersion: v1
kind: Secret
metadata:
  name: mysecret
stringData:
  username: admin
  password: ${password}
  .secret-file: hidden
`;
}

export const CONFIG_MAP_MANIFEST = `apiVersion: v1
kind: ConfigMap
metadata:
  name: app
data:
  app.conf: |
    listen = 8080
    log = json
`;

/** As pasted from a pod: its metadata feeds the downward API. */
export const POD_MANIFEST = `apiVersion: v1
kind: Pod
metadata:
  name: web-0
  uid: 2b6a8d6e-8f0f-4b0c-9d5b-0c8c1d1f2a3b
  labels: {app: web, tier: front}
spec:
  containers:
  - name: web
    image: web
`;

export type DemoVolume = {
  readonly name: string;
  readonly what: string;
  readonly spec: string;
  readonly subPath?: string;
  readonly withPod?: boolean;
  /** The file that holds the password, relative to the target; the target itself where empty. */
  readonly password: string;
};

const ITEMS = `secret:
  secretName: mysecret
  items:
  - {key: username, path: my-group/my-username, mode: 0777}
  - {key: password, path: my-group/my-password, mode: 0400}
`;

export const VOLUMES: readonly DemoVolume[] = [
  { name: 'all', what: 'all keys', spec: 'secret: {secretName: mysecret}\n', password: 'password' },
  {
    name: 'items',
    what: 'items with a nested path and modes 0777 and 0400',
    spec: ITEMS,
    password: 'my-group/my-password',
  },
  {
    name: 'dotfile',
    what: 'a dotfile and the password',
    spec: `secret:
  secretName: mysecret
  items:
  - {key: .secret-file, path: .secret-file}
  - {key: password, path: password}
`,
    password: 'password',
  },
  {
    name: 'projected',
    what: 'a Secret, a ConfigMap and the downward API in one directory',
    spec: `projected:
  defaultMode: 0440
  sources:
  - secret: {name: mysecret, items: [{key: password, path: credentials/password}]}
  - configMap: {name: app}
  - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
`,
    withPod: true,
    password: 'credentials/password',
  },
  {
    name: 'one-file',
    what: 'one file by subPath',
    spec: 'secret: {secretName: mysecret}\n',
    subPath: 'password',
    password: '',
  },
  {
    name: 'one-directory',
    what: 'one directory by subPath',
    spec: ITEMS,
    subPath: 'my-group',
    password: 'my-password',
  },
];
