import { LanternError } from '../../base/errors.ts';
import { byteOrder } from '../../payload/payload.ts';
import { compareQuantities, parseQuantity, type Quantity } from '../../spec/quantity.ts';
import { type JsonPath, valuesAt } from './json-path.ts';

/** A string that is a quantity, such as `10` or `1Gi`, is a number to kubectl. */
type Key = { readonly amount: Quantity | undefined; readonly text: string };

type Sortable<Item> = { readonly item: Item; readonly key: Key | undefined };

/**
 * As `kubectl get --sort-by`: first what lacks the field, then numbers and quantities by size, then other texts by
 * their bytes. `failed-precondition` if all lack it, or for a list or map; else as `renderJsonPath`.
 */
export function sortedBy<Item>(path: JsonPath, items: readonly Item[], manifests: readonly unknown[]): readonly Item[] {
  const refuse = (why: string) => new LanternError('failed-precondition', `sort by "${path.source}": ${why}`);
  const sortable = items.map((item, index): Sortable<Item> => {
    const [value] = valuesAt(path, manifests[index]);
    if (typeof value === 'object') throw refuse('a list or a map has no order');
    return { item, key: value === undefined ? undefined : keyOf(String(value)) };
  });
  if (sortable.length > 0 && sortable.every(({ key }) => key === undefined)) throw refuse('no object has the field');
  return sortable.sort((a, b) => compare(a.key, b.key)).map(({ item }) => item);
}

function keyOf(text: string): Key {
  const amount = parseQuantity(text, '');
  return { amount: amount.ok ? amount.value : undefined, text };
}

function compare(a: Key | undefined, b: Key | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (a.amount !== undefined && b.amount !== undefined) return compareQuantities(a.amount, b.amount);
  const isAmountFirst = Number(a.amount === undefined) - Number(b.amount === undefined);
  return isAmountFirst || byteOrder(a.text, b.text);
}
