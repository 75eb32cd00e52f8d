import { LanternError } from '../../base/errors.ts';
import { countOf } from '../../base/text.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import { describeRef, isSameMap, type ObjectDraft, refOf, type StoredObject } from '../../objects/object.ts';
import { printYaml } from '../output/print-yaml.ts';
import { formatTable } from '../output/table.ts';
import { printable, type Style } from '../output/text.ts';

type Compared = ObjectDraft | StoredObject;

/** A part that a manifest sets separately. Only contents have a size; other values are of no interest as such. */
type Part = { readonly value: string | Uint8Array; readonly hasSize: boolean };

/** Undefined if nothing would change. Names the parts that differ, with the sizes of contents, and no values. */
export function keyDifferences(before: Compared | undefined, after: Compared, style: Style): string | undefined {
  const [old, next] = [before === undefined ? new Map<string, Part>() : partsOf(before), partsOf(after)];
  const rows = [...new Set([...old.keys(), ...next.keys()])].sort().flatMap((name) => {
    const [was, is] = [old.get(name), next.get(name)];
    const row = (paint: (text: string) => string, mark: string, size: string) => [
      [`  ${mark} ${printable(name)}`, size].map(paint),
    ];
    if (was === undefined) return is === undefined ? [] : row(style.good, '+', sizeOf(is));
    if (is === undefined) return row(style.bad, '-', sizeOf(was));
    if (isSameMap(new Map([['', was.value]]), new Map([['', is.value]]))) return [];
    return row(style.caution, '~', sizeOf(was, is));
  });
  if (before !== undefined && rows.length === 0) return undefined;
  const heading = `${describeRef(refOf(after))} would be ${before === undefined ? 'created' : 'configured'}`;
  return rows.length === 0 ? heading : `${heading}\n${formatTable(undefined, rows)}`;
}

function sizeOf(first: Part, second = first): string {
  if (!first.hasSize) return '';
  const [a, b] = [Buffer.byteLength(first.value), Buffer.byteLength(second.value)];
  return first === second ? countOf(a, 'byte') : `${a} -> ${countOf(b, 'byte')}`;
}

function partsOf(object: Compared): Map<string, Part> {
  const parts = new Map<string, Part>();
  const add = (name: string, value: string | Uint8Array, hasSize = false) => parts.set(name, { value, hasSize });
  const { labels, annotations } = object.metadata;
  for (const [key, value] of labels) add(`metadata.labels[${key}]`, value);
  for (const [key, value] of annotations) add(`metadata.annotations[${key}]`, value);
  const { metadata: _, apiVersion: __, kind: ___, ...rest } = objectToManifest(object, { withData: false });
  for (const [name, value] of Object.entries(rest)) add(name, JSON.stringify(value));
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') {
    for (const [key, value] of object.data) add(`data[${key}]`, value, true);
  }
  if (object.kind === 'ConfigMap') for (const [key, value] of object.binaryData) add(`binaryData[${key}]`, value, true);
  return parts;
}

/** Two long texts without a common line would take minutes. */
const LONGEST_MS = 2_000;

/**
 * A unified diff of the manifests, values included, as `kubectl diff` prints it. Undefined if nothing would change.
 * `resource-exhausted` if the texts differ too much.
 */
export async function valueDifferences(
  before: Compared | undefined,
  after: Compared,
  style: Style,
): Promise<string | undefined> {
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import('diff');
  const [old, next] = [before === undefined ? '' : textOf(before), textOf(after)];
  if (old === next) return undefined;
  const name = describeRef(refOf(after));
  const options = { context: 3, headerOptions: FILE_HEADERS_ONLY, timeout: LONGEST_MS };
  const diff = createTwoFilesPatch(`stored ${name}`, `applied ${name}`, old, next, undefined, undefined, options);
  if (diff === undefined) {
    throw new LanternError('resource-exhausted', `compare ${name}: it differs too much; leave out --show-values`);
  }
  return diff
    .trimEnd()
    .split('\n')
    .map((line) => painted(line, style))
    .join('\n');
}

function painted(line: string, style: Style): string {
  if (line.startsWith('@@')) return style.faint(line);
  if (line.startsWith('+')) return style.good(line);
  return line.startsWith('-') ? style.bad(line) : line;
}

/** Without what the store adds. */
function textOf(object: Compared): string {
  const { name, namespace, labels, annotations } = object.metadata;
  const manifest = objectToManifest(
    { ...object, metadata: { name, namespace, labels, annotations } },
    { withData: true },
  );
  return `${printYaml(manifest).trimEnd()}\n`;
}
