import { runInNewContext } from 'node:vm';
import type { Fault } from '../../base/errors.ts';
import { type Fields, faulty, isFields, type Parsed, parsed } from '../../base/parsed.ts';
import { parseLabelSelector } from '../label-selector.ts';
import { parseYamlDocuments } from '../manifest/yaml.ts';
import { TEXT_LIMITS } from '../text-limits.ts';
import { applyJsonPatch, type JsonPatch, parseJsonPatch } from './json-patch.ts';
import { type PatchTarget, USE_KUSTOMIZE, type WrittenPatch } from './kustomization.ts';
import {
  changed,
  describeMember,
  hasName,
  type Identity,
  identityOf,
  type Member,
  metadataOf,
  roleOf,
  withMetadata,
} from './member.ts';

/** Without a target, each document names its object. */
type Patch = {
  readonly place: string;
  readonly target: PatchTarget | undefined;
  readonly options: WrittenPatch['options'];
  readonly body:
    | { readonly kind: 'json'; readonly operations: JsonPatch }
    | { readonly kind: 'merge'; readonly documents: readonly Fields[] };
};

type Patched = {
  readonly members: readonly Member[];
  readonly faults: readonly Fault[];
  readonly notices: readonly string[];
};

/** Only these kinds can be patched without a schema. */
const PATCHED_KINDS: ReadonlySet<unknown> = new Set(['Secret', 'ConfigMap']);

/** A list is an RFC 6902 patch; anything else is manifests to merge. */
export function parsePatchBody(text: string): Parsed<Patch['body']> {
  const read = parseYamlDocuments(text, TEXT_LIMITS.document);
  if (!read.ok) return read;
  const documents = read.value.filter((document) => document !== null);
  if (documents.length === 1 && Array.isArray(documents[0])) {
    const operations = parseJsonPatch(documents[0]);
    return operations.ok ? parsed({ kind: 'json', operations: operations.value }) : operations;
  }
  if (documents.length > 0 && documents.every(isFields)) return parsed({ kind: 'merge', documents });
  return faulty([{ field: '', message: 'must be a list of JSON patch operations, or a mapping that is merged' }]);
}

/** Only kinds whose fields are maps can be patched. */
export function applyPatch(members: readonly Member[], patch: Patch, home: string): Patched {
  let now = members;
  const faults: Fault[] = [];
  const notices: string[] = [];
  const kept = <T>(result: Parsed<T>): T | undefined => {
    if (result.ok) return result.value;
    faults.push(...result.faults.map(({ field, message }) => ({ field: `${patch.place}${field}`, message })));
    return undefined;
  };
  for (const { select, change } of stepsOf(patch, home)) {
    const selected = kept(select(now)) ?? new Set();
    now = now.flatMap((member) => {
      if (!selected.has(member)) return [member];
      if (roleOf(member.raw) === 'pass') {
        notices.push(`${patch.place} is skipped for ${describeMember(member)}, which is only passed through`);
        return [member];
      }
      const isMap = PATCHED_KINDS.has(member.raw.kind);
      return (
        kept(isMap ? change(member) : refused(`a patch of ${describeMember(member)} ${USE_KUSTOMIZE}`)) ?? [member]
      );
    });
  }
  return { members: now, faults, notices };
}

/** Non-empty fields of faults start with a colon or a bracket. */
type Step = {
  readonly select: (members: readonly Member[]) => Parsed<ReadonlySet<Member>>;
  readonly change: (member: Member) => Parsed<Member[]>;
};

function stepsOf({ target, options, body }: Patch, home: string): Step[] {
  const byTarget = target === undefined ? undefined : (members: readonly Member[]) => selectBy(members, target);
  if (body.kind === 'merge') {
    return body.documents.map((document) => ({
      select: byTarget ?? ((members) => selectNamed(members, document, home)),
      change: (member) => parsed(mergeInto(member, document, options)),
    }));
  }
  const withoutTarget = () => refused<ReadonlySet<Member>>('a JSON patch needs a target');
  return [{ select: byTarget ?? withoutTarget, change: (member) => applyOperations(member, body.operations) }];
}

function refused<T>(message: string, field = ''): Parsed<T> {
  return faulty([{ field, message }]);
}

/** The member that a patch document names, by its current name or an earlier one. */
function selectNamed(members: readonly Member[], document: Fields, home: string): Parsed<ReadonlySet<Member>> {
  const wanted = identityOf({ raw: document, home });
  const found = members.filter((member) => hasName(member, wanted));
  if (found.length === 1) return parsed(new Set(found));
  const count = found.length === 0 ? 'no object is' : 'more than one object is';
  return refused(
    `${count} ${wanted.kind} "${wanted.name}" of ${wanted.apiVersion} in the namespace "${wanted.namespace}"`,
  );
}

/** Patterns for names and namespaces are compared with the first and the current ones. */
function selectBy(members: readonly Member[], target: PatchTarget): Parsed<ReadonlySet<Member>> {
  const faults: Fault[] = [];
  let selected = members;
  const narrow = (
    field: keyof PatchTarget,
    textsOf: (first: Identity, present: Identity) => readonly string[],
  ): void => {
    const pattern = target[field];
    if (pattern === undefined || pattern === '') return;
    const texts = selected.map((member) => {
      const present = identityOf(member);
      return textsOf(member.earlier[0] ?? present, present);
    });
    const matches = matchWhole(pattern, texts.flat());
    if (!matches.ok) faults.push(...matches.faults.map((fault) => ({ ...fault, field: `: target.${field}` })));
    else selected = selected.filter((_, at) => texts[at]?.some((text) => matches.value.has(text)));
  };
  narrow('group', (_, { apiVersion }) => [apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '']);
  narrow('version', (_, { apiVersion }) => [apiVersion.split('/').at(-1) ?? '']);
  narrow('kind', (_, { kind }) => [kind]);
  narrow('name', (first, present) => [first.name, present.name]);
  narrow('namespace', (first, present) => [first.namespace, present.namespace]);
  for (const [selector, field] of [
    ['labelSelector', 'labels'],
    ['annotationSelector', 'annotations'],
  ] as const) {
    const selects = parseLabelSelector(target[selector] ?? '', `: target.${selector}`);
    if (selects.ok) selected = selected.filter((member) => selects.value(mapOf(metadataOf(member.raw)[field])));
    else faults.push(...selects.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed(new Set(selected));
}

function mapOf(value: unknown): ReadonlyMap<string, string> {
  return new Map(isFields(value) ? Object.entries(value).map(([key, text]) => [key, String(text)]) : []);
}

/** A merge changes name and kind only if its options allow it, and never the namespace. */
function mergeInto(member: Member, document: Fields, options: Patch['options']): Member[] {
  const merged = mergePatch(member.raw, document);
  if (merged === undefined) return [];
  const { kind, metadata } = member.raw;
  const { name, namespace } = isFields(metadata) ? metadata : {};
  const fixed = { ...(!options?.allowNameChange && { name }), namespace };
  const after = changed(member, { ...merged, ...(!options?.allowKindChange && { kind }) });
  return [withMetadata(after, fixed)];
}

function applyOperations(member: Member, operations: JsonPatch): Parsed<Member[]> {
  const result = applyJsonPatch(member.raw, operations);
  if (!result.ok) return result;
  return isFields(result.value) ? parsed([changed(member, result.value)]) : refused('leaves no manifest');
}

/**
 * Merges maps; supports null, `$patch: replace` and `$patch: delete`. Undefined if nothing is left. Lists are replaced,
 * because how a list merges depends on its kind.
 */
export function mergePatch(manifest: Fields, patch: Fields): Fields | undefined {
  const merged = merge(manifest, patch);
  return isFields(merged) ? merged : undefined;
}

const DIRECTIVE = '$patch';

function merge(value: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const { [DIRECTIVE]: directive, ...fields } = patch;
  if (directive === 'delete') return undefined;
  const merged = new Map(isFields(value) && directive !== 'replace' ? Object.entries(value) : []);
  for (const [key, wanted] of Object.entries(fields)) {
    const result = wanted === null ? undefined : merge(merged.get(key), wanted);
    if (result === undefined) merged.delete(key);
    else merged.set(key, result);
  }
  return Object.fromEntries(merged);
}

/** Milliseconds after which a backtracking pattern is stopped. */
const LONGEST_MS = 50;

/** Returns whole matches. The expression is untrusted: a malformed or too slow one is a fault. */
export function matchWhole(pattern: string, texts: readonly string[]): Parsed<ReadonlySet<string>> {
  if (/^[-\w]*$/.test(pattern)) return parsed(new Set(texts.filter((text) => text === pattern)));
  const given = { pattern: `^(?:${pattern})$`, texts: [...new Set(texts)] };
  try {
    const code = '{ const wanted = new RegExp(pattern); texts.filter((text) => wanted.test(text)); }';
    const matched: unknown = runInNewContext(code, given, { timeout: LONGEST_MS });
    return parsed(new Set(Array.isArray(matched) ? matched : []));
  } catch {
    return faulty([{ field: '', message: 'must be a regular expression that can be matched in reasonable time' }]);
  }
}
