import type { Fault } from '../../base/errors.ts';
import { isFields, mapKey } from '../../base/parsed.ts';
import { parseLabelKey } from '../../objects/names.ts';
import { compareQuantities, isMultiple, ONE, parseQuantity, type Quantity, ZERO } from '../quantity.ts';

/** Resource name → Kubernetes quantity. */
type Amounts = ReadonlyMap<string, string>;

/** Reports the faults of Kubernetes' `ValidateContainerResourceRequirements`, except values that are not quantities. */
export function readResources(
  raw: unknown,
  path: string,
  faults: Fault[],
): { readonly limits: Amounts; readonly requests: Amounts } {
  if (!isFields(raw)) return { limits: new Map(), requests: new Map() };
  const limits = readAmounts(raw.limits, `${path}.limits`, faults);
  const requests = readAmounts(raw.requests, `${path}.requests`, faults);
  for (const [name, amount] of requests) {
    const message = requestProblem(name, amount, limits);
    if (message !== undefined) faults.push({ field: mapKey(`${path}.requests`, name), message });
  }
  const names = [...limits.keys(), ...requests.keys()];
  if (names.some(isHugePage) && !names.includes('cpu') && !names.includes('memory')) {
    faults.push({ field: path, message: 'must have cpu or memory beside huge pages' });
  }
  return { limits, requests };
}

/** As in Kubernetes, null is 0 and surrounding blanks are ignored. */
function readAmounts(raw: unknown, path: string, faults: Fault[]): Amounts {
  const amounts = new Map<string, string>();
  if (!isFields(raw)) return amounts;
  for (const [name, value] of Object.entries(raw)) {
    const text = String(value ?? '0').trim();
    const amount = parseQuantity(text, '');
    if (!amount.ok) continue;
    amounts.set(name, text);
    for (const message of amountProblems(name, amount.value)) faults.push({ field: mapKey(path, name), message });
  }
  return amounts;
}

function amountProblems(name: string, amount: Quantity): string[] {
  return [
    ...(isResourceName(name) ? [] : [NAME_RULE]),
    ...(compareQuantities(amount, ZERO) < 0 ? ['must not be negative'] : []),
    ...(isExtended(name) && !isMultiple(amount, ONE) ? ['must be a whole number'] : []),
    // A name without a size has zero, and no amount is a multiple of it.
    ...(isHugePage(name) && !isMultiple(amount, amountOf(sizeText(name)))
      ? [`must be a multiple of ${sizeText(name)}`]
      : []),
  ];
}

const NAME_RULE = 'must be cpu, memory, ephemeral-storage, hugepages-SIZE or a name such as example.com/device';

function requestProblem(name: string, text: string, limits: Amounts): string | undefined {
  const limit = limits.get(name);
  const isShared = !isHugePage(name) && isNative(name);
  if (limit === undefined) return isShared ? undefined : 'must have a limit beside it, of the same amount';
  const order = compareQuantities(amountOf(text), amountOf(limit));
  if (!isShared && order !== 0) return `must be the limit, ${limit}`;
  return order > 0 ? `must not be more than the limit, ${limit}` : undefined;
}

/** `text` must be a valid quantity. */
function amountOf(text: string): Quantity {
  const amount = parseQuantity(text, '');
  return amount.ok ? amount.value : ZERO;
}

function isResourceName(name: string): boolean {
  if (!parseLabelKey(name, '').ok) return false;
  if (!name.includes('/')) return ['cpu', 'memory', 'ephemeral-storage'].includes(name) || isHugePage(name);
  return isNative(name) || isExtended(name);
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** A device plugin's resource. Its name must stay valid with the prefix for quotas. */
function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && parseLabelKey(`requests.${name}`, '').ok;
}

const HUGE_PAGES = 'hugepages-';

function isHugePage(name: string): boolean {
  return name.startsWith(HUGE_PAGES);
}

function sizeText(name: string): string {
  return name.slice(HUGE_PAGES.length);
}
