import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Well below the 4 MiB that clients accept by default. A larger item is a page of its own. */
const PAGE_BYTES = 3 * 1024 * 1024;

/** In characters: a token contains at most two names and a path. */
const MAX_TOKEN = 16_384;

type PageRequest = { readonly pageSize: number; readonly pageToken: string };

type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string };

/**
 * `items` must be sorted by `keyOf`, in byte order, and the request must have passed `checkPage`. A `pageSize` of 0 is
 * no limit. The token is the key of the last item sent, so items added or removed between pages shift nothing.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  bytesOf: (item: T) => number,
  { pageSize, pageToken }: PageRequest,
): Page<T> {
  const start = pageToken === '' ? 0 : firstAfter(items, keyOf, Buffer.from(pageToken, 'base64url'));
  return firstPage(items.slice(start), keyOf, bytesOf, pageSize);
}

/** For lazy items, which start after `lastKeyOf` the token: no more of them are computed than needed. */
export function firstPage<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  bytesOf: (item: T) => number,
  pageSize: number,
): Page<T> {
  const page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += bytesOf(item);
    const last = page.at(-1);
    if (last !== undefined && (bytes > PAGE_BYTES || page.length === pageSize)) {
      return { items: page, nextPageToken: pageTokenAfter(keyOf(last)) };
    }
    page.push(item);
  }
  return { items: page, nextPageToken: '' };
}

export function pageTokenAfter(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** Empty for the first page. */
export function lastKeyOf(pageToken: string): string {
  return Buffer.from(pageToken, 'base64url').toString();
}

export function checkPage<R extends PageRequest>(request: R): Parsed<R> {
  const faults: Fault[] = [];
  if (request.pageSize < 0) faults.push({ field: 'page_size', message: 'must not be negative' });
  const { pageToken } = request;
  if (pageToken.length > MAX_TOKEN || Buffer.from(pageToken, 'base64url').toString('base64url') !== pageToken) {
    faults.push({ field: 'page_token', message: 'must be the next_page_token of an earlier answer' });
  }
  return faults.length > 0 ? faulty(faults) : parsed(request);
}

/** The index of the first item whose key is greater than `key`, by binary search. */
function firstAfter<T>(items: readonly T[], keyOf: (item: T) => string, key: Buffer): number {
  const isAfter = (item: T | undefined) => item !== undefined && Buffer.compare(Buffer.from(keyOf(item)), key) > 0;
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAfter(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
