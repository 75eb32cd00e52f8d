type Fields = Readonly<Record<string, unknown>>;

/**
 * A pod of the seed's kind: Secret `db` at /etc/db in the container `app`, without the automatic token. `spec` and
 * `metadata` replace or add fields.
 */
export function podManifest(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', uid: 'u-1', ...metadata },
    spec: {
      automountServiceAccountToken: false,
      volumes: [secretVolume('db')],
      containers: [containerWith([{ name: 'db', mountPath: '/etc/db' }])],
      ...spec,
    },
  };
}

/** A volume named as the Secret it shows. */
export function secretVolume(name: string, fields: Fields = {}): Fields {
  return { name, secret: { secretName: name, ...fields } };
}

export function containerWith(volumeMounts: readonly Fields[], fields: Fields = {}): Fields {
  return { name: 'app', image: 'busybox', volumeMounts, ...fields };
}
