import { z } from 'zod';
import { optional } from '../base/schemas.ts';
import { parseLabelKey } from '../objects/names.ts';
import { quantities } from './pod-facts.ts';
import { compareQuantities, isMultiple, ONE, parseQuantity, type Quantity, ZERO } from './quantity.ts';

type Amounts = ReadonlyMap<string, string>;
type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

/** What a container asks for, judged as an API server does it (`ValidateContainerResourceRequirements` of its validation). */
export const resources = optional(
  z.looseObject({ limits: quantities, requests: quantities }).check((context) => {
    for (const { path, message } of issuesOf(context.value)) {
      context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
    }
  }),
);

function issuesOf({ limits, requests }: { readonly limits: Amounts; readonly requests: Amounts }): Issue[] {
  const names = new Set([...limits.keys(), ...requests.keys()]);
  const issues = [
    ...[...limits].flatMap(([name, text]) => amountIssues(name, text, ['limits', Symbol(name)])),
    ...[...requests].flatMap(([name, text]) => amountIssues(name, text, ['requests', Symbol(name)])),
    ...[...requests].flatMap(([name, text]) => requestIssues(name, text, limits)),
  ];
  if ([...names].some(isHugePage) && !names.has('cpu') && !names.has('memory')) {
    issues.push({ path: [], message: 'must have cpu or memory beside huge pages' });
  }
  return issues;
}

function amountIssues(name: string, text: string, path: readonly PropertyKey[]): Issue[] {
  const amount = amountOf(text);
  const messages = [
    ...(isResourceName(name) ? [] : [NAME_RULE]),
    ...(compareQuantities(amount, ZERO) < 0 ? ['must not be negative'] : []),
    ...(isExtended(name) && !isMultiple(amount, ONE) ? ['must be a whole number'] : []),
    ...(isHugePage(name) && !isMultiple(amount, pageSizeOf(name)) ? [`must be a multiple of ${sizeText(name)}`] : []),
  ];
  return messages.map((message) => ({ path, message }));
}

const NAME_RULE = 'must be cpu, memory, ephemeral-storage, hugepages-SIZE or a name such as example.com/device';

function requestIssues(name: string, text: string, limits: Amounts): Issue[] {
  const path = ['requests', Symbol(name)];
  const limit = limits.get(name);
  const isShared = !isHugePage(name) && isNative(name);
  if (limit === undefined)
    return isShared ? [] : [{ path, message: 'must have a limit beside it, of the same amount' }];
  const order = compareQuantities(amountOf(text), amountOf(limit));
  if (!isShared && order !== 0) return [{ path, message: `must be the limit, ${limit}` }];
  return order > 0 ? [{ path, message: `must not be more than the limit, ${limit}` }] : [];
}

/** Only what was parsed gets here. */
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

/** Of a device plugin's; with a prefix for quotas it must be a name still. */
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

/** Zero where the name says no size: nothing is a multiple of it. */
function pageSizeOf(name: string): Quantity {
  return amountOf(sizeText(name));
}
