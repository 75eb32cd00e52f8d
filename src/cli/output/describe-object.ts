import { countOf } from '../../base/text.ts';
import {
  SERVICE_ACCOUNT_ANNOTATION,
  SERVICE_ACCOUNT_UID_ANNOTATION,
  TOKEN_SECRET_TYPE,
} from '../../objects/secret-types.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { ObjectMeta__Output as WireMeta } from '../../rpc/generated/lantern/v1/ObjectMeta.ts';
import { describeEvents } from './events-table.ts';
import { printYaml } from './print-yaml.ts';
import { printable } from './text.ts';

/** Blanks after the longest name, as in kubectl. */
const GAP = 2;
/** A longer annotation is printed below its key. */
const MAX_ANNOTATION = 140;

/** As `kubectl describe secret`: sizes, no values. No final newline. */
export function describeSecret({ metadata, secret }: WireObject): string {
  return [
    describeMetadata(metadata),
    '',
    ...aligned([['Type:', [printable(secret?.type ?? '')]]]),
    '',
    'Data',
    '====',
    ...aligned(sizeRows(secret?.sizes ?? {}, Object.keys(secret?.sizes ?? {}))),
  ].join('\n');
}

/** As `kubectl describe configmap`. `now`: milliseconds since 1970, for the ages of events. No final newline. */
export function describeConfigMap(
  { metadata, configMap }: WireObject,
  events: readonly WireEvent[],
  now: number,
): string {
  const texts = Object.entries(configMap?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    describeMetadata(metadata),
    '',
    'Data',
    '====',
    ...texts.flatMap(([key, value]) => [`${key}:`, '----', printableText(value), '']),
    '',
    'BinaryData',
    '====',
    ...sizeRows(configMap?.sizes ?? {}, Object.keys(configMap?.binaryData ?? {})).map(
      ([key, [size]]) => `${key} ${size}`,
    ),
    '',
    describeEvents(events, now),
  ].join('\n');
}

/** The lines are to the right of the name. */
type Row = readonly [name: string, lines: readonly string[]];

function describeMetadata(metadata: WireMeta | null): string {
  return aligned(metadataRows(metadata)).join('\n');
}

function metadataRows(metadata: WireMeta | null): readonly Row[] {
  return [
    ['Name:', [metadata?.name ?? '']],
    ['Namespace:', [metadata?.namespace ?? '']],
    ['Labels:', linesOf(metadata?.labels ?? {}, (key, value) => [`${key}=${value}`])],
    ['Annotations:', linesOf(metadata?.annotations ?? {}, annotationLines)],
  ];
}

function linesOf(
  map: Readonly<Record<string, string>>,
  show: (key: string, value: string) => readonly string[],
): string[] {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? ['<none>'] : entries.flatMap(([key, value]) => show(key, value));
}

function annotationLines(key: string, value: string): string[] {
  const lines = value.split('\n').map(printable);
  if (lines.length === 1 && key.length + value.length + 2 <= MAX_ANNOTATION) return [`${key}: ${lines.join()}`];
  return [`${key}:`, ...lines.map((line) => `  ${shorten(line)}`)];
}

function shorten(line: string): string {
  const most = MAX_ANNOTATION - 2;
  return line.length <= most ? line : `${line.slice(0, most)}...`;
}

function sizeRows(sizes: Readonly<Record<string, unknown>>, keys: readonly string[]): (readonly [string, [string]])[] {
  return keys.toSorted().map((key) => [`${key}:`, [countOf(Number(sizes[key]), 'byte')]]);
}

function aligned(rows: readonly Row[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + GAP;
  return rows.flatMap(([name, lines]) => lines.map((line, index) => (index === 0 ? name : '').padEnd(width) + line));
}

/** Escapes all control characters except line ends and tabs. */
function printableText(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}

/** There are no events. No final newline. */
export function describeProjectedVolume({ metadata, projectedVolume }: WireObject): string {
  const spec = printYaml(JSON.parse(projectedVolume?.specJson || 'null'));
  const lines = printableText(spec).split('\n');
  return [...aligned(metadataRows(metadata)), '', 'Spec:', ...lines.map((line) => `  ${line}`)].join('\n');
}

/** `now`: milliseconds since 1970, for the ages of events. No final newline. */
export function describeUnitCredentials(
  { metadata, unitCredentials }: WireObject,
  events: readonly WireEvent[],
  now: number,
): string {
  const credentials = (unitCredentials?.credentials ?? []).map(({ name, secretKeyRef, configMapKeyRef }): Row => {
    const kind = secretKeyRef ? 'secret' : 'configmap';
    const { name: object, key, optional } = secretKeyRef ?? configMapKeyRef ?? { name: '', key: '', optional: false };
    return [`  ${printable(name)}:`, [printable(`${kind}/${object}, key ${key}${optional ? ' (optional)' : ''}`)]];
  });
  return [
    ...aligned([...metadataRows(metadata), ['Units:', (unitCredentials?.units ?? []).map(printable)]]),
    'Credentials:',
    ...aligned(credentials),
    '',
    describeEvents(events, now),
  ].join('\n');
}

/** As `kubectl describe serviceaccount`. `secrets`: all of the namespace, to mark missing ones. No final newline. */
export function describeServiceAccount(
  { metadata, serviceAccount }: WireObject,
  secrets: readonly WireObject[],
  events: readonly WireEvent[],
  now: number,
): string {
  const present = new Set(secrets.map(nameOf));
  const named = (names: readonly string[]) =>
    orNone(names.map((name) => (present.has(name) ? name : `${name} (not found)`)));
  const rows: readonly Row[] = [
    ...metadataRows(metadata),
    ['Image pull secrets:', named(serviceAccount?.imagePullSecrets ?? [])],
    ['Mountable secrets:', named(serviceAccount?.secrets ?? [])],
    ['Tokens:', orNone(secrets.filter((secret) => isTokenOf(metadata, secret)).map(nameOf))],
  ];
  // Without events kubectl keeps to the column.
  if (events.length === 0) return aligned([...rows, ['Events:', ['<none>']]]).join('\n');
  return [...aligned(rows), describeEvents(events, now)].join('\n');
}

/** Compares the uid, too: a token of an earlier account of that name does not count. */
function isTokenOf(account: WireObject['metadata'], { secret, metadata }: WireObject): boolean {
  const annotations = metadata?.annotations ?? {};
  return (
    secret?.type === TOKEN_SECRET_TYPE &&
    annotations[SERVICE_ACCOUNT_ANNOTATION] === account?.name &&
    annotations[SERVICE_ACCOUNT_UID_ANNOTATION] === account?.uid
  );
}

function nameOf({ metadata }: WireObject): string {
  return metadata?.name ?? '';
}

function orNone(names: readonly string[]): readonly string[] {
  return names.length === 0 ? ['<none>'] : names;
}
