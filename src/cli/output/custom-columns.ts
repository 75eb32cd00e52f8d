import type { Fault } from '../../base/errors.ts';
import { faulty, isFields, type Parsed, parsed } from '../../base/parsed.ts';
import { type JsonPath, valuesAt } from './json-path.ts';
import { parseRelaxedPath } from './parse-json-path.ts';
import { GrowingTable } from './table.ts';
import { printable } from './text.ts';

/** Of kubectl's `-o custom-columns`. */
export type CustomColumns = { readonly columns: readonly Column[] };

type Column = { readonly heading: string; readonly path: JsonPath };

/** Parses `NAME:.metadata.name,TYPE:.type`. */
export function parseCustomColumns(text: string, field: string): Parsed<CustomColumns> {
  const pairs = text.split(',').map((column) => {
    const [, heading = column, path = ''] = /^([^:]*):(.*)$/s.exec(column) ?? [];
    return [heading, path] as const;
  });
  return columnsOf(pairs, field);
}

/** A line of headings, and a line of paths below them. */
export function parseColumnsFile(text: string, field: string): Parsed<CustomColumns> {
  const [headings = [], paths = [], ...more] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/));
  if (headings.length === 0 || more.length > 0 || headings.length !== paths.length) {
    return faulty([{ field, message: 'must be a line of headings, and a line with as many paths' }]);
  }
  return columnsOf(
    headings.map((heading, index) => [heading, paths[index] ?? ''] as const),
    field,
  );
}

function columnsOf(pairs: readonly (readonly [heading: string, path: string])[], field: string): Parsed<CustomColumns> {
  const columns: Column[] = [];
  const faults: Fault[] = [];
  for (const [heading, text] of pairs) {
    if (heading === '' || text === '') {
      faults.push({ field, message: `"${heading}" must be HEADING:PATH, such as NAME:.metadata.name` });
      continue;
    }
    const path = parseRelaxedPath(text, field);
    if (path.ok) columns.push({ heading, path: path.value });
    else faults.push(...path.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed({ columns });
}

/** The first manifests get the headings. Errors as `renderJsonPath`. */
export function customColumnsPrinter(
  { columns }: CustomColumns,
  withHeadings: boolean,
): (manifests: readonly unknown[]) => string {
  const table = new GrowingTable(withHeadings ? columns.map(({ heading }) => printable(heading)) : undefined);
  return (manifests) =>
    table.add(manifests.map((manifest) => columns.map(({ path }) => printable(cellOf(valuesAt(path, manifest))))));
}

function cellOf(values: readonly unknown[]): string {
  return values.length === 0 ? '<none>' : values.map(goText).join(',');
}

/** As Go's `fmt.Sprint`. */
function goText(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isFields(value)) return String(value);
  const entries = Object.entries(value).map(([key, held]) => `${key}:${goText(held)}`);
  return `map[${entries.sort().join(' ')}]`;
}
