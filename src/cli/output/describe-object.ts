import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { ObjectMeta__Output as WireMeta } from '../../rpc/generated/lantern/v1/ObjectMeta.ts';
import { describeEvents } from './events-table.ts';
import { printable } from './printable.ts';

/** Blanks between a name and what belongs to it, as kubectl has them. */
const GAP = 2;
/** An annotation that takes more goes below its key. */
const MAX_ANNOTATION = 140;

/** A Secret as `kubectl describe secret` shows it: sizes, no value. No final newline. */
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

/**
 * A ConfigMap as `kubectl describe configmap` shows it: text as it is, sizes of binary values, and its events. `now`:
 * milliseconds since 1970, for their ages. No final newline.
 */
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

/** A name, and lines that stand beside it. */
export type Row = readonly [name: string, lines: readonly string[]];

function describeMetadata(metadata: WireMeta | null): string {
  return aligned(metadataRows(metadata)).join('\n');
}

/** What every description begins with. */
export function metadataRows(metadata: WireMeta | null): readonly Row[] {
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
  return keys.toSorted().map((key) => [`${key}:`, [`${Number(sizes[key])} bytes`]]);
}

/** The rows, with everything beside the names in one column. */
export function aligned(rows: readonly Row[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + GAP;
  return rows.flatMap(([name, lines]) => lines.map((line, index) => (index === 0 ? name : '').padEnd(width) + line));
}

/** Text with its lines and tabs, and nothing else that could steer the terminal. */
export function printableText(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}
