import { closest } from '../base/parsed.ts';
import { parseLabelSelector } from '../objects/label-selector.ts';
import type { ObjectKind } from '../objects/object.ts';
import type { Object__Output as WireObject } from '../rpc/generated/lantern/v1/Object.ts';
import { listFaults, wrongUsage } from './exit.ts';

/** How a kind is written on the command line and in answers. */
export type KindName = {
  readonly kind: ObjectKind;
  /** As in `secret/db`. */
  readonly singular: string;
  readonly plural: string;
  readonly short: string | undefined;
};

export const KIND_NAMES: readonly KindName[] = [
  { kind: 'Secret', singular: 'secret', plural: 'secrets', short: undefined },
  { kind: 'ConfigMap', singular: 'configmap', plural: 'configmaps', short: 'cm' },
  { kind: 'ServiceAccount', singular: 'serviceaccount', plural: 'serviceaccounts', short: 'sa' },
  { kind: 'ProjectedVolume', singular: 'projectedvolume', plural: 'projectedvolumes', short: undefined },
];

/** The kind that a word such as `secrets`, `cm` or `ConfigMap` means; anything else is wrong usage. */
export function parseKind(word: string): KindName {
  const lower = word.toLowerCase();
  const found = KIND_NAMES.find(({ singular, plural, short }) => [singular, plural, short].includes(lower));
  if (found !== undefined) return found;
  const words = KIND_NAMES.map(({ plural }) => plural);
  const guess = closest(
    word,
    KIND_NAMES.flatMap(({ singular, plural }) => [singular, plural]),
  );
  const hint = guess === undefined ? `known are ${words.join(', ')}` : `did you mean "${guess}"?`;
  throw wrongUsage(`there is no kind "${word}"; ${hint}`);
}

/** Whether the word means events, which are shown like objects but are none. */
export function isEventsWord(word: string | undefined): boolean {
  return ['event', 'events', 'ev'].includes(word?.toLowerCase() ?? '');
}

export function nameOfKind(kind: ObjectKind): KindName {
  return parseKind(kind);
}

/** `KIND[,KIND…] [NAME…]` or `KIND/NAME…`, as kubectl takes them. */
export type Selection = { readonly kind: KindName; readonly names: readonly string[] };

/** One selection per kind that is meant, in the order given. */
export function parseSelections(words: readonly string[]): Selection[] {
  const [first, ...rest] = words;
  if (first === undefined) throw wrongUsage('name what is meant: KIND [NAME] or KIND/NAME');
  if (!first.includes('/')) {
    const mixed = rest.find((word) => word.includes('/'));
    if (mixed !== undefined)
      throw wrongUsage(`"${mixed}" names a kind, but "${first}" did so for all; write either KIND NAME or KIND/NAME`);
    return [...new Set(first.split(',').map(parseKind))].map((kind) => ({ kind, names: rest }));
  }
  return words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/');
    if (kind === '' || name === '' || more.length > 0) throw wrongUsage(`"${word}" must be KIND/NAME`);
    return { kind: parseKind(kind), names: [name] };
  });
}

/** One object, or all of a kind. */
export type Wanted = { readonly kind: KindName; readonly name: string | undefined };

/** Named objects one by one, so that one which does not exist keeps no other out. */
export function oneByOne({ kind, names }: Selection): Wanted[] {
  return names.length === 0 ? [{ kind, name: undefined }] : names.map((name) => ({ kind, name }));
}

/** What `--selector` says about an object; without one, every object is meant. A selector that is none is wrong usage. */
export function selectorOf(selector: string | undefined): (object: WireObject) => boolean {
  if (selector === undefined) return () => true;
  const result = parseLabelSelector(selector, '--selector');
  if (!result.ok) throw wrongUsage(listFaults(result.faults));
  return ({ metadata }) => result.value(new Map(Object.entries(metadata?.labels ?? {})));
}
