import { LanternError } from '../../base/errors.ts';
import { type Fields, faulty, isFields, orThrow, type Parsed, parsed } from '../../base/parsed.ts';
import { applyJsonPatch, type JsonPatch, parseJsonPatch } from '../../objects/kustomize/json-patch.ts';
import { mergePatch } from '../../objects/kustomize/patch.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import { parseObject } from '../../objects/manifest/parse-manifest.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import type { ObjectDraft, StoredObject } from '../../objects/object.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { printable } from '../output/text.ts';
import { changedObject } from './edited-object.ts';

/** `default`: no type was given, and kubectl would take a strategic merge patch. */
export type PatchType = 'json' | 'merge' | 'default';

export type ObjectPatch =
  | { readonly type: 'json'; readonly operations: JsonPatch }
  | { readonly type: 'merge' | 'default'; readonly fields: Fields };

/** Reads YAML or JSON within the limits of a manifest. */
export function parseObjectPatch(text: string, type: PatchType): Parsed<ObjectPatch> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.document);
  if (!documents.ok) return documents;
  const [raw, ...more] = documents.value.filter((document) => document !== null);
  if (raw === undefined || more.length > 0) return faulty([{ field: '', message: 'must be one document' }]);
  if (type === 'json') {
    const operations = parseJsonPatch(raw);
    return operations.ok ? parsed({ type, operations: operations.value }) : operations;
  }
  if (!isFields(raw)) {
    const hint = Array.isArray(raw) ? '; a list is a JSON patch: add --type=json' : '';
    return faulty([{ field: '', message: `must be a mapping to merge into the object${hint}` }]);
  }
  const directive = directiveIn(raw);
  if (directive === undefined) return parsed({ type, fields: raw });
  const message = `"${printable(directive)}" belongs to strategic merge patches, which are not supported; ${INSTEAD}`;
  return faulty([{ field: '', message }]);
}

const INSTEAD = 'use --type=merge, where null removes a key and a list replaces the whole list, or --type=json';

export const NOT_STRATEGIC = `strategic merge patches are not supported; ${INSTEAD}`;

/** No field of a stored object begins with "$". */
function directiveIn(fields: Fields): string | undefined {
  for (const [key, value] of Object.entries(fields)) {
    if (key.startsWith('$')) return key;
    const below = (Array.isArray(value) ? value : [value]).filter(isFields).map(directiveIn);
    const found = below.find((directive) => directive !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `invalid-argument` if the patch does not fit the object, or its result is not valid. Quotes no values. */
export function patchedObject(current: StoredObject, patch: ObjectPatch): ObjectDraft {
  refuseAmbiguousList(current, patch);
  const manifest = objectToManifest(current, { withData: true });
  const patched =
    patch.type === 'json'
      ? orThrow(applyJsonPatch(manifest, patch.operations, { isStrict: true }))
      : mergePatch(manifest, patch.fields);
  const declared = orThrow(parseObject(patched, current.metadata.namespace));
  return orThrow(changedObject(declared, current));
}

/** In these kinds it is the only list that a strategic patch would not replace as a merge patch does. */
function refuseAmbiguousList({ kind }: StoredObject, patch: ObjectPatch): void {
  if (patch.type !== 'default' || kind !== 'ServiceAccount' || !Array.isArray(patch.fields.secrets)) return;
  throw new LanternError(
    'invalid-argument',
    'secrets: kubectl would add to this list; use --type=merge to replace it, or --type=json with ' +
      '[{"op": "add", "path": "/secrets/-", "value": {"name": "NAME"}}] to add to it',
  );
}
