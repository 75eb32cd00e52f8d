import { faulty, mapKey, type Parsed, parsed } from '../base/parsed.ts';
import type { ObjectBody, ObjectDraft, StoredObject } from './object.ts';

export type Wording = {
  /** Field paths of the maps' null values: `data[old]`, `metadata.labels[team]`. */
  readonly nulls: readonly string[];
  /** Fields that have a default in the draft because the manifest omits them. */
  readonly unsaid: ReadonlySet<UnsaidField>;
};

export type UnsaidField = 'type' | 'immutable';

/** An object as a manifest declares it. The draft has no nulls. */
export type Declared = { readonly draft: ObjectDraft; readonly wording: Wording };

/** For callers that replace instead of merging and therefore cannot honour nulls. */
export function withoutNulls({ draft, wording }: Declared): Parsed<ObjectDraft> {
  if (wording.nulls.length === 0) return parsed(draft);
  const message = 'is null, which takes a key away, and only lantern apply does that; leave it out, or write ""';
  return faulty(wording.nulls.map((field) => ({ field, message })));
}

/**
 * The field paths that a merge sets or removes separately: keys, labels, annotations, names in an account's lists, and
 * fields without their default. A spec is one unit.
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
    case 'UnitCredentials':
      return ['spec'];
  }
}

function namesUnder(path: string, keys: Iterable<string>): string[] {
  return Array.from(keys, (key) => mapKey(path, key));
}

/**
 * Merges like `kubectl apply`: the current object, without names that are in the record but not in the manifest, and
 * with the manifest's values. A null removes its name, regardless of who set it. Without a record, only nulls remove
 * anything. No I/O; the result is not validated.
 *
 * Maps merge by key, lists of references by name. A ConfigMap's key moves to the map in which the manifest has it. If
 * the manifest omits `type` or `immutable`, they keep their values, unless they are in the record; then they get their
 * defaults, which `validateReplacement` refuses. A spec is the manifest's.
 */
export function mergedObject(current: StoredObject, draft: ObjectDraft, wording: Wording): ObjectDraft {
  const merge = new Merge(current.applied ?? new Set(), draft, wording);
  const { metadata } = draft;
  return {
    ...merge.body(current, draft),
    metadata: {
      ...metadata,
      labels: merge.map('metadata.labels', current.metadata.labels, metadata.labels),
      annotations: merge.map('metadata.annotations', current.metadata.annotations, metadata.annotations),
    },
  };
}

class Merge {
  readonly #gone: ReadonlySet<string>;
  readonly #unsaid: ReadonlySet<UnsaidField>;

  constructor(recorded: ReadonlySet<string>, draft: ObjectDraft, { nulls, unsaid }: Wording) {
    // A manifest's stringData is stored as data.
    const gone = new Set([...recorded, ...nulls.map((name) => name.replace(/^stringData\[/, 'data['))]);
    for (const name of namesIn(draft)) gone.delete(name);
    this.#gone = gone;
    this.#unsaid = unsaid;
  }

  body(current: ObjectBody, draft: ObjectBody): ObjectBody {
    if (draft.kind === 'Secret' && current.kind === 'Secret') {
      return {
        kind: draft.kind,
        type: this.#leaves('type') ? current.type : draft.type,
        data: this.map('data', current.data, draft.data),
        immutable: this.#leaves('immutable') ? current.immutable : draft.immutable,
      };
    }
    if (draft.kind === 'ConfigMap' && current.kind === 'ConfigMap') {
      return {
        kind: draft.kind,
        data: this.map('data', without(current.data, draft.binaryData), draft.data),
        binaryData: this.map('binaryData', without(current.binaryData, draft.data), draft.binaryData),
        immutable: this.#leaves('immutable') ? current.immutable : draft.immutable,
      };
    }
    if (draft.kind === 'ServiceAccount' && current.kind === 'ServiceAccount') {
      const kept = this.#gone.has('automountServiceAccountToken') ? undefined : current.automountServiceAccountToken;
      return {
        kind: draft.kind,
        secrets: this.#list('secrets', current.secrets, draft.secrets),
        imagePullSecrets: this.#list('imagePullSecrets', current.imagePullSecrets, draft.imagePullSecrets),
        automountServiceAccountToken: draft.automountServiceAccountToken ?? kept,
      };
    }
    return draft;
  }

  map<V>(path: string, current: ReadonlyMap<string, V>, given: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    return new Map([...[...current].filter(([key]) => !this.#gone.has(mapKey(path, key))), ...given]);
  }

  /** The manifest's names are in its order and others in their places, so that a repeat yields the same list. */
  #list(path: string, current: readonly string[], given: readonly string[]): readonly string[] {
    const isGiven = new Set(given);
    const kept = current.filter((name) => !this.#gone.has(mapKey(path, name)));
    let next = 0;
    const merged = kept.flatMap((name) => (isGiven.has(name) ? given.slice(next, ++next) : [name]));
    return [...merged, ...given.slice(next)];
  }

  #leaves(field: UnsaidField): boolean {
    return this.#unsaid.has(field) && !this.#gone.has(field);
  }
}

function without<V>(values: ReadonlyMap<string, V>, others: ReadonlyMap<string, unknown>): ReadonlyMap<string, V> {
  return new Map([...values].filter(([key]) => !others.has(key)));
}
