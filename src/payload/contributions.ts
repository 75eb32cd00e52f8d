import {
  describeRef,
  type ObjectRef,
  refKey,
  type StoredConfigMap,
  type StoredObject,
  type StoredSecret,
} from '../objects/object.ts';
import { accountRefOf } from '../spec/object-refs.ts';
import { parseRelativePath, type RelativePath } from '../spec/relative-path.ts';
import type { FileAttributes, KeyToPath, ObjectSource, SourceSpec, TokenSource } from '../spec/volume-spec.ts';
import { downwardValue } from './downward-fields.ts';
import { invalid, missing, type PayloadFile, type Problem } from './payload.ts';
import type { RenderInputs } from './render-inputs.ts';

/** What one source of a volume gives to it. */
export type Contribution = {
  /** For messages: `Secret default/db`. */
  readonly origin: string;
  /** Every key of it, rather than listed ones. */
  readonly isWhole: boolean;
  readonly files: readonly (readonly [RelativePath, PayloadFile])[];
  readonly problems: readonly Problem[];
};

export function contributionOf(source: SourceSpec, inputs: RenderInputs): Contribution {
  switch (source.kind) {
    case 'secret':
    case 'configMap':
      return fromObject(source, inputs);
    case 'request':
      return fromValues(
        { ...source, origin: "the request's data", keyWord: 'request', optional: false },
        inputs.requestData,
        inputs,
      );
    case 'downwardAPI':
      return fromItems('the downward API', source.items, inputs, (item) => downwardValue(item.value, inputs));
    case 'serviceAccountToken':
      return fromToken(source, inputs);
  }
}

function fromObject(source: ObjectSource, inputs: RenderInputs): Contribution {
  const kind = source.kind === 'secret' ? 'Secret' : 'ConfigMap';
  const ref: ObjectRef = { kind, namespace: inputs.namespace, name: source.name };
  const origin = describeRef(ref);
  const values = objectValues(inputs.objects.get(refKey(ref)));
  const isWhole = source.items === undefined;
  if (values === undefined) {
    const problems = source.optional ? [] : [missing(`${origin} does not exist`)];
    return { origin, isWhole, files: [], problems };
  }
  const keyWord = kind === 'Secret' ? 'secret' : 'config';
  return fromValues({ origin, keyWord, items: source.items, optional: source.optional }, values, inputs);
}

function objectValues(object: StoredObject | undefined): ReadonlyMap<string, Uint8Array> | undefined {
  return object?.kind === 'Secret' || object?.kind === 'ConfigMap' ? valuesOf(object) : undefined;
}

type KeyedSource = {
  readonly origin: string;
  /** As the kubelet names it: `references non-existent secret key`. */
  readonly keyWord: string;
  readonly items: readonly KeyToPath[] | undefined;
  /** Skips items whose key is missing. */
  readonly optional: boolean;
};

function fromValues(source: KeyedSource, values: ReadonlyMap<string, Uint8Array>, inputs: RenderInputs): Contribution {
  const { origin, items, optional, keyWord } = source;
  if (items === undefined) return fromWhole(origin, values, inputs);
  const wanted = optional ? items.filter((item) => values.has(item.key)) : items;
  return fromItems(origin, wanted, inputs, ({ key }) => {
    return values.get(key) ?? missing(`${origin} references non-existent ${keyWord} key: ${key}`);
  });
}

const NO_ATTRIBUTES: FileAttributes = { mode: undefined, user: undefined, group: undefined };

function fromWhole(origin: string, values: ReadonlyMap<string, Uint8Array>, inputs: RenderInputs): Contribution {
  const files: [RelativePath, PayloadFile][] = [];
  const problems: Problem[] = [];
  for (const [key, bytes] of values) {
    const path = parseRelativePath(key, '');
    if (path.ok && !key.includes('/')) files.push([path.value, fileOf(bytes, NO_ATTRIBUTES, inputs)]);
    else problems.push(invalid(`the key "${key}" of ${origin} cannot be a file's name`));
  }
  return { origin, isWhole: true, files, problems };
}

function fromItems<I extends FileAttributes & { readonly path: RelativePath }>(
  origin: string,
  items: readonly I[],
  inputs: RenderInputs,
  valueFor: (item: I) => Uint8Array | Problem,
): Contribution {
  const files: [RelativePath, PayloadFile][] = [];
  const problems: Problem[] = [];
  for (const item of items) {
    const value = valueFor(item);
    if (value instanceof Uint8Array) files.push([item.path, fileOf(value, item, inputs)]);
    else problems.push(value);
  }
  return { origin, isWhole: false, files, problems };
}

function fromToken(source: TokenSource, inputs: RenderInputs): Contribution {
  const { spec, mountGroup } = inputs;
  const { path, user = spec.defaultUser } = source;
  const item = { ...NO_ATTRIBUTES, path, user, mode: tokenMode(user, spec.defaultGroup ?? mountGroup) };
  const audience = source.audience === '' ? 'the default audience' : `the audience "${source.audience}"`;
  return fromItems(`the token for ${audience}`, [item], inputs, () => {
    const held = inputs.tokens.get(source.audience);
    if (held !== undefined) return Buffer.from(held.token);
    if (inputs.tokenIssuer === 'host') {
      return missing(
        `the request brought no token for ${audience}, which only the host issues here: on Kubernetes, list it in ` +
          'tokenRequests of the CSIDriver object',
      );
    }
    // Only a missing account keeps the daemon from issuing what the request did not bring.
    const account = describeRef(accountRefOf(inputs.pod, inputs.namespace));
    return missing(`${account} does not exist, and the token for ${audience} is to speak for it`);
  });
}

/** The kubelet's rule: whoever owns the file can read it, and so can its group where one was asked for; nobody else needs to. */
function tokenMode(user: number | undefined, group: number | undefined): number | undefined {
  if (group !== undefined) return 0o640;
  return user === undefined ? undefined : 0o600;
}

/** The item's mode and owner, else the volume's. A mount group needs to read: 0440 comes on top. */
function fileOf(bytes: Uint8Array, item: FileAttributes, { spec, mountGroup }: RenderInputs): PayloadFile {
  return {
    bytes,
    mode: (item.mode ?? spec.defaultMode) | (mountGroup === undefined ? 0 : 0o440),
    user: item.user ?? spec.defaultUser,
    group: item.group ?? spec.defaultGroup,
  };
}

/** An object's values by key, as the bytes of files. Where a key of a ConfigMap is in both maps, `data` counts. */
function valuesOf(object: StoredSecret | StoredConfigMap): ReadonlyMap<string, Uint8Array> {
  return object.kind === 'Secret' ? object.data : configMapValues(object);
}

/** Text is encoded once per stored object, however many volumes show it, so that its bytes are one value to all. */
const encoded = new WeakMap<StoredConfigMap, ReadonlyMap<string, Uint8Array>>();

function configMapValues(object: StoredConfigMap): ReadonlyMap<string, Uint8Array> {
  let values = encoded.get(object);
  if (values === undefined) {
    const texts = [...object.data].map(([key, text]) => [key, Buffer.from(text)] as const);
    values = new Map<string, Uint8Array>([...object.binaryData, ...texts]);
    encoded.set(object, values);
  }
  return values;
}
