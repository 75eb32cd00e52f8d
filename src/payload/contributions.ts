import { describeRef, refKey, type StoredConfigMap, type StoredObject } from '../objects/object.ts';
import { accountRefOf, sourceRefOf } from '../spec/object-refs.ts';
import { parseRelativePath, type RelativePath } from '../spec/relative-path.ts';
import {
  type FileAttributes,
  type KeyToPath,
  NO_ATTRIBUTES,
  type ObjectSource,
  type SourceSpec,
  type TokenSource,
} from '../spec/volume-spec.ts';
import { downwardValue } from './downward-fields.ts';
import { invalid, missing, type PayloadFile, type Problem, type RenderInputs } from './payload.ts';

export type Contribution = {
  /** For messages: `Secret default/db`. */
  readonly origin: string;
  /** True if the source gives every key, not listed ones. */
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
  const { kind, items, optional } = source;
  const ref = sourceRefOf(source, inputs.namespace);
  const origin = describeRef(ref);
  const values = valuesOf(inputs.objects.get(refKey(ref)));
  if (values === undefined) {
    const problems = optional ? [] : [missing(`${origin} does not exist`)];
    return { origin, isWhole: items === undefined, files: [], problems };
  }
  const keyWord = kind === 'secret' ? 'secret' : 'config';
  return fromValues({ origin, keyWord, items, optional }, values, inputs);
}

/** An object's file bytes by key. In a ConfigMap, `data` wins over `binaryData`. */
function valuesOf(object: StoredObject | undefined): ReadonlyMap<string, Uint8Array> | undefined {
  if (object?.kind === 'Secret') return object.data;
  if (object?.kind !== 'ConfigMap') return undefined;
  let values = encoded.get(object);
  if (values === undefined) {
    const texts = [...object.data].map(([key, text]) => [key, Buffer.from(text)] as const);
    values = new Map<string, Uint8Array>([...object.binaryData, ...texts]);
    encoded.set(object, values);
  }
  return values;
}

/** Each stored object's text is encoded once, so that all volumes share the bytes. */
const encoded = new WeakMap<StoredConfigMap, ReadonlyMap<string, Uint8Array>>();

type KeyedSource = {
  readonly origin: string;
  /** The kubelet's word in `references non-existent secret key`. */
  readonly keyWord: string;
  readonly items: readonly KeyToPath[] | undefined;
  /** Items whose key is missing are skipped. */
  readonly optional: boolean;
};

function fromValues(source: KeyedSource, values: ReadonlyMap<string, Uint8Array>, inputs: RenderInputs): Contribution {
  const { origin, items, optional, keyWord } = source;
  if (items !== undefined) {
    const wanted = optional ? items.filter((item) => values.has(item.key)) : items;
    return fromItems(origin, wanted, inputs, ({ key }) => {
      return values.get(key) ?? missing(`${origin} references non-existent ${keyWord} key: ${key}`);
    });
  }
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
    // The daemon issues every other token, unless the account is missing.
    const account = describeRef(accountRefOf(inputs.pod, inputs.namespace));
    return missing(`${account} does not exist, and the token for ${audience} is to speak for it`);
  });
}

/** The kubelet's rule: only the owner reads the file; the group reads it if one was requested. */
function tokenMode(user: number | undefined, group: number | undefined): number | undefined {
  if (group !== undefined) return 0o640;
  return user === undefined ? undefined : 0o600;
}

/** Mode and owner of the item win over the volume's. A mount group adds 0440. */
function fileOf(bytes: Uint8Array, item: FileAttributes, { spec, mountGroup }: RenderInputs): PayloadFile {
  return {
    bytes,
    mode: (item.mode ?? spec.defaultMode) | (mountGroup === undefined ? 0 : 0o440),
    user: item.user ?? spec.defaultUser,
    group: item.group ?? spec.defaultGroup,
  };
}
