import { invalid } from '../base/errors.ts';

/** An answer stays well below what clients accept by default (4 MiB); a single larger item travels alone. */
const PAGE_BYTES = 3 * 1024 * 1024;

export type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string };

/**
 * The part of `items` (sorted by `keyOf`) that comes after the token, up to `pageSize` items (0: no such limit) and about
 * 3 MiB. The token is the key of the last item sent, so that items which come and go between pages shift nothing.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  bytesOf: (item: T) => number,
  request: { readonly pageSize: number; readonly pageToken: string },
): Page<T> {
  if (request.pageSize < 0) throw invalid([{ field: 'page_size', message: 'must not be negative' }]);
  const after = request.pageToken === '' ? undefined : Buffer.from(request.pageToken, 'base64url');
  const rest = items.filter((item) => after === undefined || Buffer.compare(Buffer.from(keyOf(item)), after) > 0);
  let bytes = 0;
  let count = 0;
  for (const item of rest) {
    bytes += bytesOf(item);
    const isFull = bytes > PAGE_BYTES || (request.pageSize > 0 && count >= request.pageSize);
    if (isFull && count > 0) break;
    count += 1;
  }
  const last = rest[count - 1];
  const hasMore = count < rest.length && last !== undefined;
  return {
    items: rest.slice(0, count),
    nextPageToken: hasMore ? Buffer.from(keyOf(last)).toString('base64url') : '',
  };
}
