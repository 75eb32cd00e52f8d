import { z } from 'zod';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseObjectName } from '../objects/names.ts';
import { downwardItems } from './downward-schema.ts';
import { fileAttributes, keysToPaths, path, volumeDefaults } from './file-schemas.ts';
import type { DownwardSource, ObjectSource, RequestSource, SourceSpec, TokenSource } from './volume-spec.ts';

export const MIN_EXPIRATION = 600;
export const MAX_EXPIRATION = 2 ** 32;
export const DEFAULT_EXPIRATION = 3600;

const name = through(z.string(), parseObjectName);
const isOptional = optional(z.boolean()).transform((value) => value ?? false);

const object = { items: keysToPaths, optional: isOptional };

const expirationRule = `must be between ${MIN_EXPIRATION} (10 minutes) and ${MAX_EXPIRATION}`;
const token = z
  .strictObject({
    audience: optional(z.string()).transform((value) => value ?? ''),
    expirationSeconds: optional(
      z.int().min(MIN_EXPIRATION, expirationRule).max(MAX_EXPIRATION, expirationRule),
    ).transform((value) => value ?? DEFAULT_EXPIRATION),
    path,
    user: fileAttributes.user,
  })
  // There in any case: equal specs are equal to any comparison.
  .transform(({ user, ...rest }) => ({ ...rest, user }));

const SOURCES = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'request',
  'clusterTrustBundle',
  'podCertificate',
];

/** One entry of projected.sources. */
const projection = z
  .strictObject({
    secret: optional(z.strictObject({ name, ...object })),
    configMap: optional(z.strictObject({ name, ...object })),
    downwardAPI: optional(z.strictObject({ items: downwardItems })),
    serviceAccountToken: optional(token),
    request: optional(z.strictObject({ items: keysToPaths })),
    clusterTrustBundle: optional(z.null('is not supported; put the certificates into a ConfigMap and project that')),
    podCertificate: optional(z.null('is not supported; put key and certificate into a Secret and project that')),
  })
  .check(exactlyOne(SOURCES))
  .transform((entry) => sourcesOf(entry));

/** The five shapes of a volume; `name` stands beside them in a pod's volumes[] and says nothing here. */
export const volumeSource = z
  .strictObject({
    name: optional(z.string()),
    secret: optional(
      z
        .strictObject({ secretName: name, ...object, ...volumeDefaults })
        .transform(({ secretName, ...rest }) => ({ ...rest, name: secretName })),
    ),
    configMap: optional(z.strictObject({ name, ...object, ...volumeDefaults })),
    downwardAPI: optional(z.strictObject({ items: downwardItems, ...volumeDefaults })),
    projected: optional(z.strictObject({ sources: optional(z.array(projection)), ...volumeDefaults })),
    request: optional(z.strictObject({ items: keysToPaths, ...volumeDefaults })),
  })
  .check(exactlyOne(['secret', 'configMap', 'downwardAPI', 'projected', 'request']));

export type ParsedVolumeSource = z.output<typeof volumeSource>;

type Fields<S extends SourceSpec> = Omit<S, 'kind'> | undefined;
type Sources = {
  readonly secret?: Fields<ObjectSource>;
  readonly configMap?: Fields<ObjectSource>;
  readonly downwardAPI?: Fields<DownwardSource>;
  readonly serviceAccountToken?: Fields<TokenSource>;
  readonly request?: Fields<RequestSource>;
};

/** The source that is there, with its kind. Anything else beside its fields (a volume's defaults) is left behind. */
export function sourcesOf({ secret, configMap, downwardAPI, serviceAccountToken, request }: Sources): SourceSpec[] {
  const sources: SourceSpec[] = [];
  if (secret) sources.push({ kind: 'secret', name: secret.name, items: secret.items, optional: secret.optional });
  if (configMap)
    sources.push({ kind: 'configMap', name: configMap.name, items: configMap.items, optional: configMap.optional });
  if (downwardAPI) sources.push({ kind: 'downwardAPI', items: downwardAPI.items });
  if (serviceAccountToken) sources.push({ kind: 'serviceAccountToken', ...serviceAccountToken });
  if (request) sources.push({ kind: 'request', items: request.items });
  return sources;
}
