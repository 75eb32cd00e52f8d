import type { Fault } from '../../base/errors.ts';
import { closest, faulty, mapKey, type Parsed, parsed } from '../../base/parsed.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import { parseObjectName } from '../../objects/names.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { parseVolumeSource, parseVolumeSourceText } from '../../spec/parse-volume-source.ts';
import { MAX_GROUP, type VolumeDefinition, type VolumeSpec, wholeObject } from '../../spec/volume-spec.ts';
import { ACCESS_MODES, type AccessMode, MOUNT_FLAGS, type MountFlag } from '../../volume/record.ts';
import type {
  _csi_v1_VolumeCapability_MountVolume__Output as MountVolume,
  VolumeCapability__Output as WireCapability,
} from '../generated/csi/v1/VolumeCapability.ts';
import { MAX_HOST_BYTES, MAX_HOST_KEYS, MAX_OWN_BYTES } from '../limits.ts';
import { Reading } from '../reading.ts';

// Fields that csi.v1.Node and csi.v1.Controller share: the capability of a volume, and the map (volume_context,
// parameters) that defines its contents.

type Capability = {
  readonly accessMode: AccessMode;
  /** Unique and in a fixed order, so that repeats of a request compare equal. */
  readonly mountFlags: readonly MountFlag[];
  readonly mountGroup: number | undefined;
};

/** CSI's limit for all mount_flags together. */
const MAX_FLAGS_BYTES = 4096;

/** Undefined if it is missing or faulty. No fault quotes a mount flag, which CSI allows to be secret. */
export function readCapability(
  reading: Reading,
  capability: WireCapability | null,
  hasSubPath: boolean,
  field = 'volume_capability',
): Capability | undefined {
  if (capability === null) {
    reading.refuse(field, 'is required');
    return undefined;
  }
  const { block, mount, accessMode } = capability;
  const mode = ACCESS_MODES.find((known) => known === accessMode?.mode);
  if (block) reading.refuse(`${field}.block`, 'is not supported: a volume is a directory of files; request mount');
  else if (!mount) reading.refuse(`${field}.mount`, 'is required');
  else if (mount.fsType !== '') {
    reading.refuse(`${field}.mount.fs_type`, 'must be empty: volumes are kept in memory');
  }
  if (accessMode === null) reading.refuse(`${field}.access_mode`, 'is required');
  else if (mode === undefined) {
    reading.refuse(`${field}.access_mode.mode`, `must be one of ${ACCESS_MODES.join(', ')}`);
  }
  if (block || !mount || mode === undefined) return undefined;
  return {
    accessMode: mode,
    mountFlags: readFlags(reading, mount, hasSubPath, `${field}.mount.mount_flags`),
    mountGroup: readGroup(reading, mount, `${field}.mount.volume_mount_group`),
  };
}

function readFlags(reading: Reading, { mountFlags }: MountVolume, hasSubPath: boolean, field: string): MountFlag[] {
  if (mountFlags.length === 0) return [];
  const bytes = Buffer.byteLength(mountFlags.join(''));
  if (bytes > MAX_FLAGS_BYTES) {
    reading.refuse(field, `hold ${bytes} bytes, CSI allows ${MAX_FLAGS_BYTES}`);
    return [];
  }
  for (const [index, flag] of mountFlags.entries()) {
    if (!MOUNT_FLAGS.some((known) => known === flag)) {
      reading.refuse(`${field}[${index}]`, `must be one of ${MOUNT_FLAGS.join(', ')}`);
    } else if (flag === 'nosymfollow' && !hasSubPath) {
      reading.refuse(`${field}[${index}]`, 'nosymfollow needs a subPath: the files of a whole volume are links');
    }
  }
  return MOUNT_FLAGS.filter((flag) => mountFlags.includes(flag));
}

function readGroup(reading: Reading, { volumeMountGroup }: MountVolume, field: string): number | undefined {
  if (volumeMountGroup === '') return undefined;
  const group = Number(volumeMountGroup);
  if (/^(?:0|[1-9]\d*)$/.test(volumeMountGroup) && group <= MAX_GROUP) return group;
  reading.refuse(field, `must be a group id between 0 and ${MAX_GROUP}`);
  return undefined;
}

type Texts = ReadonlyMap<string, string>;

/** Keys with this prefix are the host's: never refused, never payload. */
const HOST_KEY_PREFIX = 'csi.storage.k8s.io/';

/** The pod as the kubelet describes it in volume_context; the tokens are there or in secrets. */
export const HOST_KEYS = {
  podName: `${HOST_KEY_PREFIX}pod.name`,
  podNamespace: `${HOST_KEY_PREFIX}pod.namespace`,
  podUid: `${HOST_KEY_PREFIX}pod.uid`,
  serviceAccountName: `${HOST_KEY_PREFIX}serviceAccount.name`,
  ephemeral: `${HOST_KEY_PREFIX}ephemeral`,
  tokens: `${HOST_KEY_PREFIX}serviceAccount.tokens`,
} as const;

export function isHostKey(key: string): boolean {
  return key.startsWith(HOST_KEY_PREFIX);
}

/** Undefined over a limit: then nothing is parsed. The host adds its keys unasked, so they have their own limits. */
export function readTextMap(
  reading: Reading,
  field: string,
  wire: Readonly<Record<string, string>>,
  known: readonly string[],
): Texts | undefined {
  const texts = new Map(Object.entries(wire));
  let ownBytes = 0;
  let hostBytes = 0;
  let hostKeys = 0;
  for (const [key, value] of texts) {
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (isHostKey(key)) {
      hostKeys += 1;
      hostBytes += bytes;
    } else ownBytes += bytes;
  }
  if (ownBytes > MAX_OWN_BYTES) {
    const advice = 'apply a ProjectedVolume and name it in "projectedVolume"';
    reading.refuse(field, `holds ${ownBytes} bytes, CSI allows ${MAX_OWN_BYTES}; ${advice}`);
    return undefined;
  }
  if (hostKeys > MAX_HOST_KEYS || hostBytes > MAX_HOST_BYTES) {
    const limits = `${MAX_HOST_KEYS} keys and ${MAX_HOST_BYTES} bytes`;
    reading.refuse(field, `holds more than ${limits} under ${HOST_KEY_PREFIX}; leave out what is not the host's own`);
    return undefined;
  }
  for (const key of texts.keys()) {
    if (!known.includes(key) && !isHostKey(key)) reading.refuse(mapKey(field, key), unknownKey(key, known));
  }
  return texts;
}

function unknownKey(key: string, known: readonly string[]): string {
  const likely = closest(key, known);
  return likely === undefined
    ? `is not a known key; known are ${known.join(', ')}`
    : `is not a known key; did you mean "${likely}"?`;
}

/** Each defines the contents. At most one is given. */
const DEFINING_KEYS = ['spec', 'secretName', 'configMapName', 'projectedVolume'] as const;
/** Options of secretName and configMapName. */
const SHORTHAND_OPTIONS = ['items', 'defaultMode', 'user', 'group', 'optional'] as const;
export const DEFINITION_KEYS: readonly string[] = [...DEFINING_KEYS, ...SHORTHAND_OPTIONS];

/**
 * The contents come from a `spec`, from the shorthand (`secretName`, `configMapName`), or from a named ProjectedVolume.
 * Otherwise they are the request's own secrets, a file per key; with `none` the call does not take secrets.
 */
export function parseDefinition(
  texts: Texts,
  field: string,
  secrets: 'given' | 'missing' | 'none',
): Parsed<VolumeDefinition> {
  const given = DEFINING_KEYS.filter((key) => texts.has(key));
  if (given.length > 1) {
    return refuse(field, `must have exactly one of ${DEFINING_KEYS.join(', ')}; ${given.join(' and ')} are there`);
  }
  const [key] = given;
  if (key === 'secretName' || key === 'configMapName') return parseShorthand(key, texts, field);
  const definition = key === undefined ? fromSecrets(field, secrets) : parseByKey(key, texts, field);
  const stray = SHORTHAND_OPTIONS.filter((option) => texts.has(option)).map((option) => ({
    field: mapKey(field, option),
    message: 'needs secretName or configMapName; otherwise put it into the spec',
  }));
  if (stray.length === 0) return definition;
  return faulty([...(definition.ok ? [] : definition.faults), ...stray]);
}

function fromSecrets(field: string, secrets: 'given' | 'missing' | 'none'): Parsed<VolumeDefinition> {
  if (secrets === 'given') return inline(parseVolumeSource({ request: {} }, field));
  const keys = `must have one of ${DEFINING_KEYS.join(', ')}`;
  return refuse(field, secrets === 'none' ? keys : `${keys}, or the request must have secrets`);
}

function parseByKey(key: 'spec' | 'projectedVolume', texts: Texts, field: string): Parsed<VolumeDefinition> {
  const text = texts.get(key) ?? '';
  if (key === 'spec') return inline(parseVolumeSourceText(text, mapKey(field, key)));
  const name = parseObjectName(text, mapKey(field, key));
  return name.ok ? parsed({ kind: 'named', projectedVolume: name.value }) : name;
}

function inline(spec: Parsed<VolumeSpec>): Parsed<VolumeDefinition> {
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

/** The shorthand is parsed as the source it represents, so the same rules and defaults apply. */
function parseShorthand(key: 'secretName' | 'configMapName', texts: Texts, field: string): Parsed<VolumeDefinition> {
  const name = texts.get(key) ?? '';
  if (!SHORTHAND_OPTIONS.some((option) => texts.has(option))) {
    const whole = parseObjectName(name, mapKey(field, key));
    if (!whole.ok) return whole;
    return parsed(wholeObject(key === 'secretName' ? 'secret' : 'configMap', name));
  }
  const reading = new Reading();
  const option = <T>(name: string, parse: (text: string, at: string) => Parsed<T>): T | undefined => {
    const text = texts.get(name);
    return text === undefined ? undefined : reading.take(parse(text, mapKey(field, name)));
  };
  const options = {
    items: option('items', parseItems),
    defaultMode: option('defaultMode', parseMode),
    defaultUser: option('user', parseId),
    defaultGroup: option('group', parseId),
    optional: option('optional', parseBoolean),
  };
  const source =
    key === 'secretName' ? { secret: { secretName: name, ...options } } : { configMap: { name, ...options } };
  const spec = parseVolumeSource(source, '');
  if (!spec.ok) reading.note(spec.faults.map((fault) => asShorthandFault(fault, field)));
  return spec.ok && reading.isGood ? parsed({ kind: 'inline', spec: spec.value }) : faulty(reading.faults);
}

/** Fields of the source whose keys have other names. */
const KEY_OF_FIELD: Readonly<Record<string, string>> = {
  name: 'configMapName',
  defaultUser: 'user',
  defaultGroup: 'group',
};

/** `secret.items[0].path` → `volume_context[items][0].path`. */
function asShorthandFault({ field: path, message }: Fault, field: string): Fault {
  const [, kind, key = '', rest = ''] = /^(secret|configMap)\.(\w+)(.*)$/.exec(path) ?? [];
  if (kind === undefined) return { field, message };
  // The fault of two conflicting paths ends with the field of the other one.
  const other = ` at ${mapKey(field, 'items')}$1`;
  return {
    field: mapKey(field, KEY_OF_FIELD[key] ?? key) + rest,
    message: message.replace(/ at (?:secret|configMap)\.items(\[\d+\]\.path)$/, other),
  };
}

function parseItems(text: string, field: string): Parsed<unknown> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.context);
  if (!documents.ok) return faulty(documents.faults.map((fault) => ({ ...fault, field })));
  const [items, ...more] = documents.value;
  // An empty text would select every key, which the author of "items" hardly wants.
  if (Array.isArray(items) && more.length === 0) return parsed(items);
  return refuse(field, 'must be one YAML or JSON list of {key, path} pairs');
}

/** Decimal as in JSON, or octal with a leading zero as in YAML. The volume source checks the range. */
function parseMode(text: string, field: string): Parsed<number> {
  if (/^0[0-7]+$/.test(text)) return parsed(Number.parseInt(text, 8));
  if (/^(?:0|[1-9]\d*)$/.test(text)) return parsed(Number(text));
  return refuse(field, 'must be a mode: octal with a leading 0 like 0400, or decimal like 256');
}

/** The volume source checks the range. */
function parseId(text: string, field: string): Parsed<number> {
  return /^(?:0|[1-9]\d*)$/.test(text) ? parsed(Number(text)) : refuse(field, 'must be a numeric id like 1000');
}

function parseBoolean(text: string, field: string): Parsed<boolean> {
  return text === 'true' || text === 'false' ? parsed(text === 'true') : refuse(field, 'must be "true" or "false"');
}

function refuse(field: string, message: string): Parsed<never> {
  return faulty([{ field, message }]);
}
