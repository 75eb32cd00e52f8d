import type { Fault } from '../base/errors.ts';
import { type EnvNameRule, parseEnvName } from '../objects/env-names.ts';
import { describeRef, type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import {
  type ContainerEnv,
  type EnvFromSource,
  type EnvValue,
  formatEnvField,
  type KeyValue,
  type PodField,
  type PodPlacement,
} from '../spec/container-env.ts';
import { type DownwardInputs, downwardValue } from './downward-fields.ts';
import { byteOrder, invalid, missing, type Notice, type Problem, uidNotices } from './payload.ts';

export type EnvironmentInputs = DownwardInputs & {
  readonly container: ContainerEnv;
  /** Keyed by `refKey`; missing objects are absent. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly placement: PodPlacement;
  /** envFrom skips keys whose variable name breaks this rule. */
  readonly names: EnvNameRule;
};

/** A value is bytes because a Secret's value need not be text. */
export type EnvVariable = { readonly name: string; readonly value: Uint8Array };

/**
 * Variables are in order of first definition. `missing`: objects or keys may still appear. `invalid`: waiting cannot
 * help. `too-large`: more than `MAX_ENVIRONMENT_BYTES` or `MAX_KEYS`.
 */
type ResolvedEnvironment =
  | { readonly ok: true; readonly variables: readonly EnvVariable[]; readonly notices: readonly Notice[] }
  | { readonly ok: false; readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

/** Names and values together. Linux limits arguments and environment of a process to 6 MiB (execve(2)). */
export const MAX_ENVIRONMENT_BYTES = 6 * 1024 * 1024;

/** Limit for the keys of all envFrom objects (repeats count) plus `$` signs in values; each costs 1–2 µs. */
export const MAX_KEYS = 20_000;

/** Resolves variables like the kubelet: envFrom, then env; later wins. Returns all faults; `invalid` wins. */
export function resolveEnvironment(inputs: EnvironmentInputs): ResolvedEnvironment {
  const draft = new Draft();
  for (const source of inputs.container.envFrom) {
    addAll(source, inputs, draft);
    if (draft.isTooLarge) break;
  }
  for (const { name, value } of inputs.container.env) {
    if (draft.isTooLarge) break;
    addOne(name, value, inputs, draft);
  }
  return draft.result();
}

/** The variables so far. Text is latin1, a character per byte, so that values of any bytes can be expanded. */
class Draft {
  readonly variables = new Map<string, string>();
  readonly notices: Notice[] = [];
  readonly #problems: Problem[] = [];
  #room = MAX_ENVIRONMENT_BYTES;
  #keys = 0;

  /** Bytes left; negative once a value did not fit. Replaced values count too. */
  get room(): number {
    return this.#room;
  }

  /** True once a limit is exceeded; the rest is then skipped. */
  get isTooLarge(): boolean {
    return this.#room < 0 || this.#keys > MAX_KEYS;
  }

  /** Must be called before the keys are read. */
  count(keys: number): void {
    this.#keys += keys;
  }

  /** `origin` is the value's source, for messages. An undefined value is one that was too large to expand. */
  set(name: string, value: string | undefined, origin: string): void {
    this.#room -= name.length + (value?.length ?? MAX_ENVIRONMENT_BYTES) + '=\0'.length;
    if (value === undefined || this.#room < 0) return;
    if (value.includes('\0')) {
      this.refuse(invalid(`${origin} has a NUL byte, which the value of an environment variable cannot hold`));
    } else {
      this.variables.set(name, value);
    }
  }

  refuse(problem: Problem): void {
    this.#problems.push(problem);
  }

  result(): ResolvedEnvironment {
    if (this.#problems.length > 0) {
      const isInvalid = this.#problems.some(({ reason }) => reason === 'invalid');
      const faults = this.#problems.map(({ message }) => ({ field: '', message }));
      return { ok: false, reason: isInvalid ? 'invalid' : 'missing', faults };
    }
    if (this.#keys > MAX_KEYS) {
      const message = `the keys of envFrom and the references in values are more than ${MAX_KEYS}; name single keys in env`;
      return { ok: false, reason: 'too-large', faults: [{ field: '', message }] };
    }
    if (this.#room < 0) {
      const message = `the environment would have more than the ${MAX_ENVIRONMENT_BYTES} bytes that a process can get`;
      return { ok: false, reason: 'too-large', faults: [{ field: '', message }] };
    }
    const variables = [...this.variables].map(([name, value]) => ({ name, value: Buffer.from(value, 'latin1') }));
    return { ok: true, variables, notices: this.notices };
  }
}

function addAll({ kind, name, optional, prefix }: EnvFromSource, inputs: EnvironmentInputs, draft: Draft): void {
  const ref: ObjectRef = { kind, namespace: inputs.namespace, name };
  const values = dataOf(inputs.objects.get(refKey(ref)));
  if (values === undefined) {
    if (!optional) draft.refuse(missing(`${describeRef(ref)} does not exist`));
    return;
  }
  draft.count(values.size);
  if (draft.isTooLarge) return;
  const skipped: string[] = [];
  for (const [key, value] of [...values].sort(([a], [b]) => byteOrder(a, b))) {
    const variable = `${prefix}${key}`;
    if (parseEnvName(variable, '', inputs.names).ok)
      draft.set(variable, latin1(value), `the key "${key}" of ${describeRef(ref)}`);
    else skipped.push(variable);
  }
  if (skipped.length > 0) draft.notices.push(skippedNames(skipped, ref));
}

/** The event's text is the kubelet's, word for word. */
function skippedNames(names: readonly string[], { kind, namespace, name }: ObjectRef): Notice {
  const source = `${kind === 'Secret' ? 'secret' : 'configMap'} ${namespace}/${name}`;
  return {
    reason: 'InvalidEnvironmentVariableNames',
    message: `Keys [${names.join(', ')}] from the EnvFrom ${source} were skipped since they are considered invalid environment variable names.`,
  };
}

function addOne(name: string, value: EnvValue, inputs: EnvironmentInputs, draft: Draft): void {
  switch (value.kind) {
    case 'text': {
      draft.count(signsIn(value.text));
      if (draft.isTooLarge) return;
      const text = expandVariables(latin1(value.text), draft.variables, draft.room);
      draft.set(name, text, `the variable "${name}"`);
      break;
    }
    case 'key':
      addKey(name, value, inputs, draft);
      break;
    case 'field':
    case 'resource': {
      const shown = shownValue(value, inputs);
      if (showsUid(value)) draft.notices.push(...uidNotices(inputs.pod));
      if (shown instanceof Uint8Array) draft.set(name, latin1(shown), `the variable "${name}"`);
      else draft.refuse({ ...shown, message: `the variable "${name}": ${shown.message}` });
    }
  }
}

function addKey(name: string, wanted: KeyValue, inputs: EnvironmentInputs, draft: Draft): void {
  const ref: ObjectRef = { kind: wanted.object, namespace: inputs.namespace, name: wanted.name };
  const values = dataOf(inputs.objects.get(refKey(ref)));
  const value = values?.get(wanted.key);
  if (value !== undefined) draft.set(name, latin1(value), `the key "${wanted.key}" of ${describeRef(ref)}`);
  else if (!wanted.optional) draft.refuse(missing(absence(values !== undefined, wanted.key, ref)));
}

/** Counts `$` signs, up to just above `MAX_KEYS`. */
function signsIn(text: string): number {
  let signs = 0;
  for (let at = text.indexOf('$'); at !== -1 && signs <= MAX_KEYS; at = text.indexOf('$', at + 1)) signs++;
  return signs;
}

function absence(isThere: boolean, key: string, ref: ObjectRef): string {
  return isThere ? `couldn't find key ${key} in ${describeRef(ref)}` : `${describeRef(ref)} does not exist`;
}

/** Values by key. As in Kubernetes, variables cannot come from `binaryData`. */
function dataOf(object: StoredObject | undefined): ReadonlyMap<string, string | Uint8Array> | undefined {
  return object?.kind === 'Secret' || object?.kind === 'ConfigMap' ? object.data : undefined;
}

function latin1(value: string | Uint8Array): string {
  if (typeof value === 'string') return Buffer.from(value).toString('latin1');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
}

function showsUid(value: EnvValue): boolean {
  return value.kind === 'field' && value.field.kind === 'metadata' && value.field.path.kind === 'uid';
}

function shownValue(
  value: Extract<EnvValue, { kind: 'field' | 'resource' }>,
  inputs: EnvironmentInputs,
): Uint8Array | Problem {
  if (value.kind === 'resource') {
    return downwardValue({ ...value, containerName: value.containerName || inputs.container.name }, inputs);
  }
  if (value.field.kind === 'metadata') return downwardValue({ kind: 'field', field: value.field.path }, inputs);
  const text = podText(value.field.field, inputs);
  if (text !== '') return Buffer.from(text);
  return invalid(`${formatEnvField(value.field)} is not known; the request must say it`);
}

/** Returns an empty string if the value is unknown. */
function podText(field: PodField, { pod, placement }: EnvironmentInputs): string {
  switch (field) {
    case 'nodeName':
      return placement.nodeName;
    case 'serviceAccountName':
      return pod === undefined ? '' : pod.serviceAccountName || 'default';
    case 'hostIP':
      return placement.hostIPs[0] ?? '';
    case 'hostIPs':
      return placement.hostIPs.join(',');
    case 'podIP':
      return placement.podIPs[0] ?? '';
    case 'podIPs':
      return placement.podIPs.join(',');
  }
}

/**
 * Replaces `$(NAME)` by the variable's value in one pass; inserted values are not expanded again. Unknown names and
 * unterminated references stay as written; `$$` is `$`. Returns undefined if the result exceeds `maxLength`, because
 * variables that refer to each other grow exponentially. Linear. Syntax: Kubernetes'
 * `third_party/forked/golang/expansion`.
 */
export function expandVariables(
  text: string,
  variables: ReadonlyMap<string, string>,
  maxLength: number,
): string | undefined {
  // No reference ends after this index; searching for an end at every start would be quadratic.
  const lastEnd = text.lastIndexOf(')');
  const parts: string[] = [];
  let length = 0;
  let done = 0;
  const add = (part: string, next: number): boolean => {
    parts.push(part);
    length += part.length;
    done = next;
    return length <= maxLength;
  };
  for (let at = text.indexOf('$'); at !== -1; at = text.indexOf('$', Math.max(done, at + 1))) {
    const next = text[at + 1];
    if (next === '$') {
      if (!add(text.slice(done, at + 1), at + 2)) return undefined;
    } else if (next === '(' && at + 2 <= lastEnd) {
      const end = text.indexOf(')', at + 2);
      const value = variables.get(text.slice(at + 2, end)) ?? text.slice(at, end + 1);
      if (!add(text.slice(done, at) + value, end + 1)) return undefined;
    }
  }
  return add(text.slice(done), text.length) ? parts.join('') : undefined;
}
