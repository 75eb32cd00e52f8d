import type { IKeyValue, IRangeResponse } from 'etcd3';
import { hasCode, LanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { StoredObject } from '../../objects/object.ts';
import { byNamespaceAndName } from '../kept/kept-store.ts';
import type { ListFilter, ObjectList } from '../store.ts';
import { nextPageOf } from './client.ts';
import type { EtcdRecords } from './records.ts';

/** Objects per request: few at first, because each may hold a megabyte, then as their sizes allow. */
const FIRST_PAGE = 16;
const MAX_PER_PAGE = 1_000;
const PAGE_BYTES = 4 * 1024 * 1024;
/** A compaction during a list restarts it. */
const MAX_ATTEMPTS = 5;

/** `Store.list`, all at one revision. Objects that cannot be decrypted are logged and left out. */
export async function listObjects(
  records: EtcdRecords,
  filter: ListFilter,
  log: Log,
  signal: AbortSignal,
): Promise<ObjectList> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(records, filter, log, signal);
    } catch (error) {
      const isCompacted = hasCode(error, 'out-of-range');
      if (!isCompacted || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function listOnce(records: EtcdRecords, filter: ListFilter, log: Log, signal: AbortSignal): Promise<ObjectList> {
  const objects: StoredObject[] = [];
  const range = records.rangeOf(filter);
  let revision = 0;
  let limit = FIRST_PAGE;
  for (let key: Buffer | undefined = range.key; key !== undefined; ) {
    const page = await readPage(records, { ...range, key, revision, limit }, filter, signal);
    if (page === undefined) {
      limit = Math.max(1, Math.floor(limit / 4));
      continue;
    }
    // The first page sets the revision of all others.
    if (revision === 0) revision = Number(page.header.revision);
    for (const found of page.kvs) {
      const { object, problem } = records.stateOf(records.refOf(found.key), found, revision);
      if (object !== undefined) objects.push(object);
      if (problem !== undefined) log.warn({ error: problem }, 'an object is left out of a list');
    }
    key = nextPageOf(page);
    limit = nextLimit(page.kvs);
  }
  return { objects: objects.sort(byNamespaceAndName), revision };
}

/** Undefined if the page exceeds the response limit. */
async function readPage(
  { client, history }: EtcdRecords,
  request: { readonly key: Buffer; readonly range_end: Buffer; readonly revision: number; readonly limit: number },
  { kind }: ListFilter,
  signal: AbortSignal,
): Promise<IRangeResponse | undefined> {
  const what = `list objects of kind ${kind}`;
  const mark = history.mark();
  try {
    const page = await client.range(request, what, signal);
    if (history.answer(page.header, mark)) return page;
    throw new LanternError('out-of-range', `${what}: etcd was replaced or restored from a snapshot; list again`);
  } catch (error) {
    if (hasCode(error, 'resource-exhausted') && request.limit > 1) return undefined;
    throw error;
  }
}

function nextLimit(page: readonly IKeyValue[]): number {
  const bytes = page.reduce((sum, { value }) => sum + value.length, 0);
  const average = bytes / Math.max(1, page.length);
  return Math.max(1, Math.min(MAX_PER_PAGE, Math.floor(PAGE_BYTES / Math.max(1, average))));
}
