import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { Declared, UnsaidField, Wording } from '../objects/declared.ts';
import type { ApplyMode } from '../sources/source.ts';
import type { ApplyRequest, ApplyRequest__Output as ReadApplyRequest } from './generated/lantern/v1/ApplyRequest.ts';
import type { Object__Output as ReadObject } from './generated/lantern/v1/Object.ts';
import { objectToWire } from './object-messages.ts';

const REMOVABLE = /^(?:data|stringData|binaryData|metadata\.labels|metadata\.annotations)\[[^\]]*\]$/;

/** How a request wants its object applied. */
export function parseApplyMode({ mode, removed }: ReadApplyRequest, object: ReadObject): Parsed<ApplyMode> {
  if (mode === 'MERGE') return parseMerge(removed, object);
  if (removed.length > 0) return faulty([{ field: 'removed', message: NOT_A_MERGE }]);
  if (mode === 'MODE_UNSPECIFIED') return parsed({ kind: 'update' });
  if (mode !== 'REPLACE') return faulty([{ field: 'mode', message: 'must be REPLACE or MERGE, or left out' }]);
  const names = object.applied?.names;
  return parsed({ kind: 'replace', ...(names && { applied: new Set(names) }) });
}

const NOT_A_MERGE = 'goes with mode MERGE; whoever replaces an object leaves the key out, or gives it an empty value';

function parseMerge(removed: readonly string[], object: ReadObject): Parsed<ApplyMode> {
  const at = removed.findIndex((name) => !REMOVABLE.test(name));
  const message =
    'must be a key in brackets behind data, stringData, binaryData, metadata.labels or metadata.annotations';
  if (at >= 0) return faulty([{ field: `removed[${at}]`, message }]);
  return parsed({ kind: 'merge', wording: { nulls: removed, unsaid: unsaidIn(object) } });
}

function unsaidIn({ secret, configMap }: ReadObject): ReadonlySet<UnsaidField> {
  const unsaid = new Set<UnsaidField>();
  if (secret?.type === '') unsaid.add('type');
  if ((secret ?? configMap)?.immutable === undefined) unsaid.add('immutable');
  return unsaid;
}

/** The request that merges what a manifest declares; the inverse of `parseApplyMode`. */
export function mergeRequest({ draft, wording }: Declared): ApplyRequest {
  const object = objectToWire(draft);
  if (object.secret) object.secret = withoutUnsaid(object.secret, wording);
  if (object.configMap) object.configMap = withoutUnsaid(object.configMap, wording);
  return { object, mode: 'MERGE', removed: [...wording.nulls] };
}

function withoutUnsaid<M extends object>(message: M, { unsaid }: Wording): M {
  const said = Object.entries(message).filter(([name]) => !unsaid.has(name as UnsaidField));
  return Object.fromEntries(said) as M;
}
