import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, text, through } from '../base/schemas.ts';
import { type EnvNameRule, parseEnvName } from '../objects/env-names.ts';
import { parseDataKey } from '../objects/names.ts';
import { objectName as name } from '../objects/object-schema.ts';
import { fieldApiVersion, resourceFieldRefWith } from './source-schemas.ts';
import { type FieldPath, formatFieldPath, parseFieldPath } from './volume-spec.ts';

/** What a container says about its environment. */
export type ContainerEnv = {
  readonly name: string;
  /** Low to high: a later one wins. */
  readonly envFrom: readonly EnvFromSource[];
  /** Over all of `envFrom`; a later one wins. */
  readonly env: readonly EnvVar[];
};

/** Every key of an object as a variable, its name prefixed. */
export type EnvFromSource = {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  /** The object may be absent. */
  readonly optional: boolean;
  readonly prefix: string;
};

export type EnvVar = { readonly name: string; readonly value: EnvValue };

export type EnvValue =
  /** As written; `$(VAR)` is expanded. */
  | { readonly kind: 'text'; readonly text: string }
  | KeyValue
  | { readonly kind: 'field'; readonly field: EnvField }
  /** Without a container's name it is the container's own. */
  | { readonly kind: 'resource'; readonly containerName: string; readonly resource: string; readonly divisor: string };

/** One key of an object; with `optional` the object or the key may be absent, and the variable is not set then. */
export type KeyValue = {
  readonly kind: 'key';
  readonly object: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
  readonly optional: boolean;
};

const isOptional = optional(z.boolean()).transform((value) => value ?? false);

const wholeObject = z.strictObject({ name, optional: isOptional });
const objectKey = z.strictObject({ name, key: through(z.string(), parseDataKey), optional: isOptional });

const SOURCES = ['secretKeyRef', 'configMapKeyRef', 'fieldRef', 'resourceFieldRef', 'fileKeyRef'];

const valueFrom = z
  .strictObject({
    secretKeyRef: optional(objectKey),
    configMapKeyRef: optional(objectKey),
    fieldRef: optional(z.strictObject({ apiVersion: fieldApiVersion, fieldPath: through(z.string(), parseEnvField) })),
    resourceFieldRef: optional(resourceFieldRefWith(text)),
    fileKeyRef: optional(z.null('is not supported: no container has run that could have written the file')),
  })
  .check(exactlyOne(SOURCES))
  .transform(({ secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef }): EnvValue => {
    if (secretKeyRef !== undefined) return { kind: 'key', object: 'Secret', ...secretKeyRef };
    if (configMapKeyRef !== undefined) return { kind: 'key', object: 'ConfigMap', ...configMapKeyRef };
    if (fieldRef !== undefined) return { kind: 'field', field: fieldRef.fieldPath };
    if (resourceFieldRef !== undefined) return { kind: 'resource', ...resourceFieldRef };
    throw new Error('exactlyOne let none pass');
  });

/** The rest of a container is the business of whoever runs it. */
function containerBy(parseName: NameParser) {
  const parsePrefix: NameParser = (prefix, field) => (prefix === '' ? parsed('') : parseName(prefix, field));
  const envFrom = z
    .strictObject({
      prefix: optional(through(z.string(), parsePrefix)).transform((value) => value ?? ''),
      secretRef: optional(wholeObject),
      configMapRef: optional(wholeObject),
    })
    .check(exactlyOne(['secretRef', 'configMapRef']))
    .transform(({ prefix, secretRef, configMapRef }): EnvFromSource => {
      if (secretRef !== undefined) return { kind: 'Secret', ...secretRef, prefix };
      if (configMapRef !== undefined) return { kind: 'ConfigMap', ...configMapRef, prefix };
      throw new Error('exactlyOne let neither pass');
    });
  const env = z
    .strictObject({ name: through(z.string(), parseName), value: text, valueFrom: optional(valueFrom) })
    .check((context) => {
      const { value, valueFrom } = context.value;
      if (value === '' || valueFrom === undefined) return;
      const message = 'must not be there beside a value that is not empty';
      context.issues.push({ code: 'custom', message, path: ['valueFrom'], input: undefined });
    })
    .transform(({ name, value, valueFrom }): EnvVar => ({ name, value: valueFrom ?? { kind: 'text', text: value } }));
  return z.looseObject({
    name: text,
    envFrom: optional(z.array(envFrom)).transform((sources) => sources ?? []),
    env: optional(z.array(env)).transform((variables) => variables ?? []),
  });
}

type NameParser = (text: string, field: string) => Parsed<string>;

const CONTAINER = {
  strict: containerBy(parseStrictName),
  relaxed: containerBy((text, field) => parseEnvName(text, field, 'relaxed')),
};

/** With what helps, where the other rule would. */
function parseStrictName(name: string, field: string): Parsed<string> {
  const strict = parseEnvName(name, field);
  if (strict.ok || !parseEnvName(name, field, 'relaxed').ok) return strict;
  const hint = 'a daemon with --relaxed-environment-names takes it, as Kubernetes 1.32 does';
  return faulty(strict.faults.map((fault) => ({ ...fault, message: `${fault.message}; ${hint}` })));
}

/**
 * A container of a Pod manifest, as parsed JSON → its environment, or every fault at once with its path below `root`.
 * `names` is the rule for variables and for prefixes.
 */
export function parseContainerEnv(raw: unknown, root: string, names: EnvNameRule = 'strict'): Parsed<ContainerEnv> {
  const result = parseBy(CONTAINER[names], raw, root);
  if (!result.ok) return result;
  const { name, envFrom, env } = result.value;
  return parsed({ name, envFrom, env });
}

/** What an environment variable can show of a pod beside its metadata, by fieldPath. */
const POD_FIELDS = {
  'spec.nodeName': 'nodeName',
  'spec.serviceAccountName': 'serviceAccountName',
  'status.hostIP': 'hostIP',
  'status.hostIPs': 'hostIPs',
  'status.podIP': 'podIP',
  'status.podIPs': 'podIPs',
} as const;

export type PodField = (typeof POD_FIELDS)[keyof typeof POD_FIELDS];

/** A parsed fieldPath of an environment variable: unlike a volume it cannot show whole maps. */
type EnvField =
  | { readonly kind: 'metadata'; readonly path: FieldPath }
  | { readonly kind: 'pod'; readonly field: PodField };

/** Where a pod runs, as far as whoever asks knows it: addresses are empty lists and the node is empty text otherwise. */
export type PodPlacement = {
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
};

const RULE = `must be one of metadata.name, metadata.namespace, metadata.uid, ${Object.keys(POD_FIELDS).join(', ')}, or metadata.labels['key'] or metadata.annotations['key']`;

/** `metadata.name`, `metadata.labels['key']`, `status.podIP`, … */
export function parseEnvField(text: string, field: string): Parsed<EnvField> {
  const known = Object.entries(POD_FIELDS).find(([path]) => path === text);
  if (known !== undefined) return parsed({ kind: 'pod', field: known[1] });
  const path = parseFieldPath(text, field);
  if (path.ok && path.value.kind !== 'labels' && path.value.kind !== 'annotations') {
    return parsed({ kind: 'metadata', path: path.value });
  }
  // A key that is wrong has a message of its own.
  return !path.ok && text.endsWith("']") ? path : faulty([{ field, message: RULE }]);
}

/** The inverse of `parseEnvField`. */
export function formatEnvField(field: EnvField): string {
  if (field.kind === 'metadata') return formatFieldPath(field.path);
  return Object.entries(POD_FIELDS).find(([, name]) => name === field.field)?.[0] ?? '';
}
