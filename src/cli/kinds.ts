import { closest } from '../base/parsed.ts';
import { parseLabelSelector } from '../objects/label-selector.ts';
import { API_VERSIONS, type ObjectKind } from '../objects/object.ts';
import type { Object__Output as WireObject } from '../rpc/generated/lantern/v1/Object.ts';
import { listFaults, wrongUsage } from './exit.ts';

/** The words for a kind on the command line and in output. */
export type KindName = {
  readonly kind: ObjectKind;
  /** For example `secret` in `secret/db`. */
  readonly singular: string;
  readonly plural: string;
  readonly short: string | undefined;
};

export const KIND_NAMES: readonly KindName[] = [
  { kind: 'Secret', singular: 'secret', plural: 'secrets', short: undefined },
  { kind: 'ConfigMap', singular: 'configmap', plural: 'configmaps', short: 'cm' },
  { kind: 'ServiceAccount', singular: 'serviceaccount', plural: 'serviceaccounts', short: 'sa' },
  { kind: 'ProjectedVolume', singular: 'projectedvolume', plural: 'projectedvolumes', short: undefined },
  // As with Kubernetes' Endpoints, one object has a plural name.
  { kind: 'UnitCredentials', singular: 'unitcredentials', plural: 'unitcredentials', short: undefined },
];

/** `get` shows events like objects, although the store does not keep them. */
export const EVENTS_NAME: Omit<KindName, 'kind'> = { singular: 'event', plural: 'events', short: 'ev' };

/** For help: `secret, configmap (cm)` and so on. */
export function listKinds(
  names: readonly Omit<KindName, 'kind'>[] = KIND_NAMES,
  number: 'singular' | 'plural' = 'singular',
): string {
  return names.map((name) => (name.short === undefined ? name[number] : `${name[number]} (${name.short})`)).join(', ');
}

/** For example of `secrets`, `cm`, `ConfigMap`, `projectedvolumes.lantern.dev` or `secrets.v1.`. */
export function kindNamed(word: string): KindName | undefined {
  const [, name = '', group] = /^([^.]*)(?:\.(.*))?$/s.exec(word) ?? [];
  return KIND_NAMES.find((known) => isNameOf(known, name) && (group === undefined || isGroupOf(known, group)));
}

/** True for a group alone, and behind a version. */
function isGroupOf({ kind }: KindName, word: string): boolean {
  const { group, version } = groupOf(API_VERSIONS[kind]);
  return word === group || word === `${version}.${group}`;
}

/** The group of core kinds is empty. */
export function groupOf(apiVersion: string): { readonly group: string; readonly version: string } {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return { group, version };
}

/** Like `kindNamed`, but throws `wrongUsage` for any other word. */
export function parseKind(word: string): KindName {
  const found = kindNamed(word);
  if (found !== undefined) return found;
  const words = KIND_NAMES.map(({ plural }) => plural);
  const guess = closest(
    word,
    KIND_NAMES.flatMap(({ singular, plural }) => [singular, plural]),
  );
  const hint = guess === undefined ? `use one of ${words.join(', ')}` : `did you mean "${guess}"?`;
  throw wrongUsage(`there is no resource type "${word}"; ${hint}`);
}

export function isEventsWord(word: string | undefined): boolean {
  return word !== undefined && isNameOf(EVENTS_NAME, word);
}

function isNameOf({ singular, plural, short }: Omit<KindName, 'kind'>, word: string): boolean {
  return [singular, plural, short].includes(word.toLowerCase());
}

export function nameOfKind(kind: ObjectKind): KindName {
  return parseKind(kind);
}

/** All objects of the kind if there are no names. */
type Selection = { readonly kind: KindName; readonly names: readonly string[] };

/** Parses `KIND[,KIND…] [NAME…]` or `KIND/NAME…`, as kubectl does. With `withAll`, the kind `all` stands for all. */
export function parseSelections(words: readonly string[], { withAll = false } = {}): Selection[] {
  const [first, ...rest] = words;
  if (first === undefined) throw wrongUsage('specify the objects: KIND [NAME] or KIND/NAME');
  if (!first.includes('/')) {
    const mixed = rest.find((word) => word.includes('/'));
    if (mixed !== undefined) throw wrongUsage(`"${mixed}": KIND/NAME cannot follow KIND "${first}"`);
    return [
      ...new Set(first.split(',').flatMap((word) => (withAll && word === 'all' ? KIND_NAMES : parseKind(word)))),
    ].map((kind) => ({ kind, names: rest }));
  }
  return words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/');
    if (kind === '' || name === '' || more.length > 0) throw wrongUsage(`"${word}" must be KIND/NAME`);
    return { kind: parseKind(kind), names: [name] };
  });
}

/** All objects of the kind if the name is undefined. */
export type Wanted = { readonly kind: KindName; readonly name: string | undefined };

/** Splits a selection, so that an object that does not exist is the only one that fails. */
export function oneByOne({ kind, names }: Selection): Wanted[] {
  return names.length === 0 ? [{ kind, name: undefined }] : names.map((name) => ({ kind, name }));
}

/** Throws `wrongUsage` for names beside a flag that chooses among all. */
export function refuseNames(wanted: readonly Wanted[], flag: string): void {
  if (wanted.some(({ name }) => name !== undefined)) throw wrongUsage(`names cannot be combined with ${flag}`);
}

/** Without a selector every object matches. Throws `wrongUsage` for an invalid one. */
export function selectorOf(selector: string | undefined): (object: WireObject) => boolean {
  if (selector === undefined) return () => true;
  const result = parseLabelSelector(selector, '--selector');
  if (!result.ok) throw wrongUsage(listFaults(result.faults));
  return ({ metadata }) => result.value(new Map(Object.entries(metadata?.labels ?? {})));
}
