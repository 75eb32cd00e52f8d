import { faulty, mapKey, type Parsed, parsed } from '../base/parsed.ts';
import type { ObjectBody, ObjectDraft } from './object.ts';

/** What a manifest says beside its object: what it leaves to others, and what it takes away. */
export type Wording = {
  /** The maps' keys whose value is null, as field paths: `data[old]`, `metadata.labels[team]`. */
  readonly nulls: readonly string[];
  /** The fields that have a default in the draft because the manifest leaves them out. */
  readonly unsaid: ReadonlySet<UnsaidField>;
};

export type UnsaidField = 'type' | 'immutable';

/** An object as a manifest declares it. What is null there is not in the draft. */
export type Declared = { readonly draft: ObjectDraft; readonly wording: Wording };

/** The object, for whoever puts it as it is: nothing is there yet that a null could take away. */
export function withoutNulls({ draft, wording }: Declared): Parsed<ObjectDraft> {
  if (wording.nulls.length === 0) return parsed(draft);
  const message = 'is null, which takes a key away, and only lantern apply does that; leave it out, or write ""';
  return faulty(wording.nulls.map((field) => ({ field, message })));
}

/**
 * The names of all that the object holds and that a merge sets or takes away one by one, as field paths: keys, labels and
 * annotations, the names in an account's lists, and fields that do not have their default. A volume's spec is one whole.
 */
export function namesIn(object: ObjectBody & Pick<ObjectDraft, 'metadata'>): ReadonlySet<string> {
  const { labels, annotations } = object.metadata;
  return new Set([
    ...namesUnder('metadata.labels', labels.keys()),
    ...namesUnder('metadata.annotations', annotations.keys()),
    ...namesInBody(object),
  ]);
}

function namesInBody(body: ObjectBody): readonly string[] {
  switch (body.kind) {
    case 'Secret':
      return [
        ...namesUnder('data', body.data.keys()),
        ...(body.type === 'Opaque' ? [] : ['type']),
        ...(body.immutable ? ['immutable'] : []),
      ];
    case 'ConfigMap':
      return [
        ...namesUnder('data', body.data.keys()),
        ...namesUnder('binaryData', body.binaryData.keys()),
        ...(body.immutable ? ['immutable'] : []),
      ];
    case 'ServiceAccount':
      return [
        ...namesUnder('secrets', body.secrets),
        ...namesUnder('imagePullSecrets', body.imagePullSecrets),
        ...(body.automountServiceAccountToken === undefined ? [] : ['automountServiceAccountToken']),
      ];
    case 'ProjectedVolume':
      return ['spec'];
  }
}

function namesUnder(path: string, keys: Iterable<string>): string[] {
  return Array.from(keys, (key) => mapKey(path, key));
}
