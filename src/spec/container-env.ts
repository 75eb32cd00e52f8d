import * as z from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { exactlyOne, flag, optional, text, through } from '../base/schemas.ts';
import { type EnvNameRule, parseEnvName } from '../objects/env-names.ts';
import { parseDataKey } from '../objects/names.ts';
import { objectName } from '../objects/object-schema.ts';
import { fieldApiVersion, resourceFieldRefWith } from './source-schemas.ts';
import { type FieldPath, formatFieldPath, parseFieldPath } from './volume-spec.ts';

export type ContainerEnv = {
  readonly name: string;
  /** A later source wins. */
  readonly envFrom: readonly EnvFromSource[];
  /** Wins over `envFrom`; later variables win over earlier ones. */
  readonly env: readonly EnvVar[];
};

/** Every key of an object becomes a variable; `prefix` precedes its name. */
export type EnvFromSource = {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly optional: boolean;
  readonly prefix: string;
};

export type EnvVar = { readonly name: string; readonly value: EnvValue };

export type EnvValue =
  /** As written; `$(VAR)` is not expanded yet. */
  | { readonly kind: 'text'; readonly text: string }
  | KeyValue
  | { readonly kind: 'field'; readonly field: EnvField }
  /** An empty `containerName` is the container itself. */
  | { readonly kind: 'resource'; readonly containerName: string; readonly resource: string; readonly divisor: string };

/** With `optional`, the variable is not set if the object or the key is missing. */
export type KeyValue = {
  readonly kind: 'key';
  readonly object: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
  readonly optional: boolean;
};

const wholeObject = z.strictObject({ name: objectName, optional: flag });
const objectKey = z.strictObject({ name: objectName, key: through(z.string(), parseDataKey), optional: flag });

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
    const keyRef = secretKeyRef ?? configMapKeyRef;
    if (keyRef !== undefined) {
      const { name, key, optional = false } = keyRef;
      return { kind: 'key', object: secretKeyRef === undefined ? 'ConfigMap' : 'Secret', name, key, optional };
    }
    if (fieldRef !== undefined) return { kind: 'field', field: fieldRef.fieldPath };
    if (resourceFieldRef !== undefined) return { kind: 'resource', ...resourceFieldRef };
    throw new Error('exactlyOne let none pass');
  });

/** Other fields of a container are ignored. */
function containerWith(parseName: NameParser) {
  const parsePrefix: NameParser = (prefix, field) => (prefix === '' ? parsed('') : parseName(prefix, field));
  const envFrom = z
    .strictObject({
      prefix: through(text, parsePrefix),
      secretRef: optional(wholeObject),
      configMapRef: optional(wholeObject),
    })
    .check(exactlyOne(['secretRef', 'configMapRef']))
    .transform(({ prefix, secretRef, configMapRef }): EnvFromSource => {
      const object = secretRef ?? configMapRef;
      if (object === undefined) throw new Error('exactlyOne let neither pass');
      const { name, optional = false } = object;
      return { kind: secretRef === undefined ? 'ConfigMap' : 'Secret', name, optional, prefix };
    });
  const env = z
    .strictObject({ name: through(z.string(), parseName), value: text, valueFrom: optional(valueFrom) })
    .check(({ value: { value, valueFrom }, issues }) => {
      if (value === '' || valueFrom === undefined) return;
      const message = 'must not be there beside a value that is not empty';
      issues.push({ code: 'custom', message, path: ['valueFrom'], input: undefined });
    })
    .transform(({ name, value, valueFrom }): EnvVar => ({ name, value: valueFrom ?? { kind: 'text', text: value } }));
  return z.looseObject({ name: text, envFrom: optional(z.array(envFrom)), env: optional(z.array(env)) });
}

type NameParser = (text: string, field: string) => Parsed<string>;

const CONTAINER = {
  strict: containerWith(parseStrictName),
  relaxed: containerWith((text, field) => parseEnvName(text, field, 'relaxed')),
};

/** If the relaxed rule accepts the name, the message says so. */
function parseStrictName(name: string, field: string): Parsed<string> {
  const strict = parseEnvName(name, field);
  if (strict.ok || !parseEnvName(name, field, 'relaxed').ok) return strict;
  const hint = 'a daemon with --relaxed-environment-names takes it, as Kubernetes 1.32 does';
  return faulty(strict.faults.map((fault) => ({ ...fault, message: `${fault.message}; ${hint}` })));
}

/** Parses a container of a Pod (parsed JSON). Returns all faults, below `root`. `names`: for variables and prefixes. */
export function parseContainerEnv(raw: unknown, root: string, names: EnvNameRule = 'strict'): Parsed<ContainerEnv> {
  const result = parseBy(CONTAINER[names], raw, root);
  if (!result.ok) return result;
  const { name, envFrom = [], env = [] } = result.value;
  return parsed({ name, envFrom, env });
}

const POD_FIELDS = {
  'spec.nodeName': 'nodeName',
  'spec.serviceAccountName': 'serviceAccountName',
  'status.hostIP': 'hostIP',
  'status.hostIPs': 'hostIPs',
  'status.podIP': 'podIP',
  'status.podIPs': 'podIPs',
} as const;

export type PodField = (typeof POD_FIELDS)[keyof typeof POD_FIELDS];

/** Unlike a volume, a variable cannot show whole maps. */
type EnvField =
  | { readonly kind: 'metadata'; readonly path: FieldPath }
  | { readonly kind: 'pod'; readonly field: PodField };

/** Unknown addresses are empty lists; an unknown node is an empty string. */
export type PodPlacement = {
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
};

const RULE = `must be one of metadata.name, metadata.namespace, metadata.uid, ${Object.keys(POD_FIELDS).join(', ')}, or metadata.labels['key'] or metadata.annotations['key']`;

export function parseEnvField(text: string, field: string): Parsed<EnvField> {
  const known = Object.entries(POD_FIELDS).find(([path]) => path === text);
  if (known !== undefined) return parsed({ kind: 'pod', field: known[1] });
  const path = parseFieldPath(text, field);
  if (path.ok && path.value.kind !== 'labels' && path.value.kind !== 'annotations') {
    return parsed({ kind: 'metadata', path: path.value });
  }
  // An invalid key of a label or annotation has its own message.
  return !path.ok && text.endsWith("']") ? path : faulty([{ field, message: RULE }]);
}

export function formatEnvField(field: EnvField): string {
  if (field.kind === 'metadata') return formatFieldPath(field.path);
  return Object.entries(POD_FIELDS).find(([, name]) => name === field.field)?.[0] ?? '';
}
