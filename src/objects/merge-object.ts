import { mapKey } from '../base/parsed.ts';
import { namesIn, type UnsaidField, type Wording } from './declared.ts';
import type { ObjectBody, ObjectDraft, StoredObject } from './object.ts';

/**
 * What `kubectl apply` makes of the object that is there: the current one, without what the record names and the manifest
 * does not, with what the manifest says. What a null names goes, whoever put it. Where nothing is recorded, only nulls take
 * anything away. Without I/O; what it comes to is not checked.
 *
 * Maps merge by key, lists of references by name. A key of a ConfigMap is in one of its maps: where the manifest has it.
 * `type` and `immutable` stay as they are where the manifest leaves them out, unless they are in the record; then they get
 * their defaults, which `validateReplacement` refuses. A volume's spec is the manifest's.
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
    const gone = new Set([...recorded, ...nulls.map(asKept)]);
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

  /** The manifest's names in its order, others where they are: a repeat comes to the same list. */
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

/** What a manifest writes as stringData is kept as data. */
function asKept(name: string): string {
  return name.replace(/^stringData\[/, 'data[');
}
