import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** An answer stays well below what clients accept by default (4 MiB); a single larger item travels alone. */
const PAGE_BYTES = 3 * 1024 * 1024;

/** Characters; those that are given out hold two names and a path at most. */
const MAX_TOKEN = 16_384;

type PageRequest = { readonly pageSize: number; readonly pageToken: string };

type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string };

/**
 * The part of `items` (sorted by `keyOf`, in byte order) that comes after the token, up to `pageSize` items (0: no such
 * limit) and about 3 MiB. The token is the key of the last item sent, so that items which come and go between pages
 * shift nothing. What is asked for was checked by `checkPage`.
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

/** The same of items that come one by one, from behind `lastKeyOf` the token on: none is asked for that is not needed. */
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
      return { items: page, nextPageToken: Buffer.from(keyOf(last)).toString('base64url') };
    }
    page.push(item);
  }
  return { items: page, nextPageToken: '' };
}

/** The key of the last item that was sent, which the token is; empty before the first page. */
export function lastKeyOf(pageToken: string): string {
  return Buffer.from(pageToken, 'base64url').toString();
}

/** Whether the size and the token that a request gives can be used. */
export function checkPage<R extends PageRequest>(request: R): Parsed<R> {
  const faults: Fault[] = [];
  if (request.pageSize < 0) faults.push({ field: 'page_size', message: 'must not be negative' });
  if (request.pageToken.length > MAX_TOKEN || !isBase64url(request.pageToken)) {
    faults.push({ field: 'page_token', message: 'must be the next_page_token of an earlier answer' });
  }
  return faults.length > 0 ? faulty(faults) : parsed(request);
}

function isBase64url(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}

/** The index of the first item whose key comes after `key`, by halving. */
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
