import { orThrow } from '../../../src/base/parsed.ts';
import { parseObject } from '../../../src/objects/manifest/parse-manifest.ts';
import type { ObjectDraft, ObjectKind } from '../../../src/objects/object.ts';

const SPECS: Partial<Record<ObjectKind, object>> = {
  ProjectedVolume: { secret: { secretName: 'db' } },
  UnitCredentials: {
    units: ['app.service'],
    credentials: [{ name: 'db', secretKeyRef: { name: 'db', key: 'password' } }],
  },
};

/** A manifest of the kind as parsed JSON, valid as it is. `fields` replace or, where undefined, remove its own. */
export function manifestOf(kind: ObjectKind, fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const spec = SPECS[kind];
  const apiVersion = spec === undefined ? 'v1' : 'lantern.dev/v1';
  const whole = { apiVersion, kind, metadata: { name: 'db' }, ...(spec && { spec }), ...fields };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
}

/** The valid draft of such a manifest, in the namespace `default`. */
export function draftOf(kind: ObjectKind, fields: Readonly<Record<string, unknown>> = {}): ObjectDraft {
  return orThrow(parseObject(manifestOf(kind, fields), 'default')).draft;
}

/** The draft as a store would keep it. */
export function stored<D extends ObjectDraft>(draft: D) {
  const { resourceVersion: _, ...metadata } = draft.metadata;
  const added = { uid: 'u-1', resourceVersion: '7', creationTimestamp: '2026-11-23T19:24:08Z' };
  return { ...draft, metadata: { ...metadata, ...added } };
}

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
