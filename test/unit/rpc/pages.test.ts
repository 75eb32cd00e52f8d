import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPage, firstPage, lastKeyOf, pageOf } from '../../../src/rpc/pages.ts';

type Item = { readonly key: string; readonly bytes: number };

const keyOf = ({ key }: Item) => key;
const bytesOf = ({ bytes }: Item) => bytes;
const MIB = 1024 * 1024;

function byteOrder(a: Item, b: Item): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

/** Reads page after page; `between` may change the list each time. */
function readAll(list: Item[], pageSize: number, between: () => void = () => {}): Item[][] {
  const pages: Item[][] = [];
  let pageToken = '';
  do {
    const page = pageOf(list, keyOf, bytesOf, { pageSize, pageToken });
    pages.push([...page.items]);
    pageToken = page.nextPageToken;
    if (pages.length > 100) throw new Error('the pages do not end');
    between();
  } while (pageToken !== '');
  return pages;
}

const items = fc
  .uniqueArray(
    fc.record({ key: fc.string({ unit: 'grapheme', minLength: 1 }), bytes: fc.integer({ min: 1, max: 4 * MIB }) }),
    {
      selector: keyOf,
      maxLength: 30,
    },
  )
  .map((list) => list.sort(byteOrder));

describe('pages', () => {
  it('hold every item once and in order, within both limits', () => {
    fc.assert(
      fc.property(items, fc.nat(5), (list, pageSize) => {
        const pages = readAll(list, pageSize);
        expect(pages.flat()).toEqual(list);
        for (const page of pages) {
          if (pageSize > 0) expect(page.length).toBeLessThanOrEqual(pageSize);
          const bytes = page.reduce((sum, item) => sum + item.bytes, 0);
          expect(page.length === 1 || bytes <= 3 * MIB).toBe(true);
        }
        // Only an empty list has an empty page.
        expect(pages.every((page) => page.length > 0) || list.length === 0).toBe(true);
      }),
    );
  });

  it('lose and repeat none of the items that stay while others come and go', () => {
    fc.assert(
      fc.property(
        items,
        items,
        fc.integer({ min: 1, max: 3 }),
        fc.infiniteStream(fc.boolean()),
        (stay, pass, size, dice) => {
          const staying = new Set(stay.map(keyOf));
          const passing = pass.filter(({ key }) => !staying.has(key));
          const list: Item[] = [];
          const change = () => {
            const here = passing.filter(() => dice.next().value);
            list.splice(0, list.length, ...[...stay, ...here].sort(byteOrder));
          };
          change();
          const keys = readAll(list, size, change).flat().map(keyOf);
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys.filter((key) => staying.has(key))).toEqual(stay.map(keyOf));
        },
      ),
    );
  });

  it('cost what they hold, not what the whole list holds', () => {
    const list = Array.from({ length: 10_000 }, (_, index) => ({ key: String(index).padStart(5, '0'), bytes: 1 }));
    let asked = 0;
    const counted = (item: Item) => {
      asked += 1;
      return item.key;
    };
    const pageToken = Buffer.from('07000').toString('base64url');
    const page = pageOf(list, counted, bytesOf, { pageSize: 10, pageToken });
    expect(page.items[0]?.key).toBe('07001');
    expect(asked).toBeLessThan(40);
  });

  it('of what comes one by one ask for one more than they hold, to know whether there is more', () => {
    const asked: number[] = [];
    function* coming() {
      for (let index = 0; ; index++) {
        asked.push(index);
        yield { key: String(index), bytes: 1 };
      }
    }
    const { items, nextPageToken } = firstPage(coming(), keyOf, bytesOf, 3);
    expect(items.map(keyOf)).toEqual(['0', '1', '2']);
    expect(lastKeyOf(nextPageToken)).toBe('2');
    expect(asked).toEqual([0, 1, 2, 3]);
  });
});

describe('what is asked of a page', () => {
  it.each([
    { pageSize: 0, pageToken: '' },
    { pageSize: 1, pageToken: Buffer.from('default\0db').toString('base64url') },
  ])('is fine: %o', (request) => {
    expect(checkPage(request)).toEqual({ ok: true, value: request });
  });

  it('is no token when it is longer than any that was given out', () => {
    expect(checkPage({ pageSize: 0, pageToken: 'a'.repeat(16_384) })).toMatchObject({ ok: true });
    expect(checkPage({ pageSize: 0, pageToken: 'a'.repeat(16_388) })).toMatchObject({ ok: false });
  });

  it('is refused with every fault', () => {
    expect(checkPage({ pageSize: -1, pageToken: 'no token!' })).toMatchObject({
      faults: [{ field: 'page_size' }, { field: 'page_token' }],
    });
  });
});
