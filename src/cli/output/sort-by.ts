import { LanternError } from '../../base/errors.ts';
import { type JsonPath, valuesAt } from './json-path.ts';

type Sorted<Item> = { readonly item: Item; readonly value: unknown };

/**
 * As `kubectl get --sort-by`: numbers by size, strings in natural order (`v9` before `v10`), and first what lacks the
 * field. `failed-precondition` if all lack it, or for a list or map; else as `renderJsonPath`.
 */
export function sortedBy<Item>(path: JsonPath, items: readonly Item[], manifests: readonly unknown[]): readonly Item[] {
  const values = items.map((item, index): Sorted<Item> => ({ item, value: valuesAt(path, manifests[index])[0] }));
  const refuse = (why: string) => new LanternError('failed-precondition', `sort by "${path.source}": ${why}`);
  if (values.length > 0 && values.every(({ value }) => value === undefined)) throw refuse('no object has the field');
  if (values.some(({ value }) => typeof value === 'object')) throw refuse('a list or a map has no order');
  return values.sort((a, b) => compare(a.value, b.value)).map(({ item }) => item);
}

function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return typeof a === 'number' && typeof b === 'number' ? a - b : naturalOrder(String(a), String(b));
}

const CHUNK = /\d+|\D+/g;

/** Compares runs of digits as numbers, of any length, and all else by character. */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [a.match(CHUNK) ?? [], b.match(CHUNK) ?? []];
  for (const [index, chunk] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareChunks(chunk, other);
    if (order !== 0) return order;
  }
  return left.length < right.length ? -1 : 0;
}

function compareChunks(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+(?=\d)/, ''), b.replace(/^0+(?=\d)/, '')];
  const areNumbers = /^\d/.test(a) && /^\d/.test(b);
  if (areNumbers && x.length !== y.length) return x.length - y.length;
  if (x !== y) return x < y ? -1 : 1;
  return a.length - b.length;
}
