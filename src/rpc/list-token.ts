import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/**
 * The token of a list's further pages: the revision of the first page, and where to go on. A watch from the revision that
 * any page names misses nothing that happened while the pages were read.
 */
export type ListToken = {
  /** Undefined for the first page. */
  readonly revision: number | undefined;
  /** As `pageOf` takes it. */
  readonly pageToken: string;
};

export function parseListToken(text: string): Parsed<ListToken> {
  if (text === '') return parsed({ revision: undefined, pageToken: '' });
  const [, digits, pageToken] = /^(\d+)\.([\w-]+)$/.exec(text) ?? [];
  if (pageToken !== undefined && Number.isSafeInteger(Number(digits))) {
    return parsed({ revision: Number(digits), pageToken });
  }
  return faulty([{ field: 'page_token', message: 'must be the next_page_token of an earlier answer' }]);
}

/** Empty where there is no further page. */
export function formatListToken(revision: number, pageToken: string): string {
  return pageToken === '' ? '' : `${revision}.${pageToken}`;
}
