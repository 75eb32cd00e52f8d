import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildPayload, isSamePayload, type PayloadFile } from '../../../src/payload/payload.ts';
import { relativePath } from '../../support/objects/builders.ts';

type Plain = { readonly path: string; readonly text: string; readonly mode: number; user?: number; group?: number };

function payloadOf(files: readonly Plain[], mountGroup?: number) {
  const entries = files.map(({ path, text, mode, user, group }) => {
    const file: PayloadFile = { bytes: Buffer.from(text), mode, user, group };
    return [relativePath(path), file] as const;
  });
  return buildPayload(new Map(entries), mountGroup);
}

const owner = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });
const file = fc.record({
  path: fc.constantFrom('a', 'b', 'c/d', 'c/e', '日', '\uffee', '😀'),
  text: fc.constantFrom('', 'x', 'y', 'xy', '"],["'),
  mode: fc.constantFrom(0o400, 0o644),
  user: owner,
  group: owner,
});
const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 4 });

describe('build payload', () => {
  test('payloads are the same exactly when all that is written is', () => {
    const canonical = (given: readonly Plain[], mountGroup?: number) =>
      JSON.stringify([
        mountGroup,
        given
          .map((one) => [one.path, one.text, one.mode, one.user, one.group])
          .sort((a, b) => (`${a[0]}` < `${b[0]}` ? -1 : 1)),
      ]);
    fc.assert(
      fc.property(files, files, owner, owner, (a, b, groupA, groupB) => {
        const isSame = canonical(a as Plain[], groupA) === canonical(b as Plain[], groupB);
        expect(isSamePayload(payloadOf(a as Plain[], groupA), payloadOf(b as Plain[], groupB))).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });

  test('each property of a file counts, one by one; the order they come in does not', () => {
    const base: Plain = { path: 'a', text: 'x', mode: 0o644 };
    const other: Plain = { path: 'z', text: 'x', mode: 0o644 };
    const payloads = [
      payloadOf([base, other]),
      payloadOf([{ ...base, path: 'b' }, other]),
      payloadOf([{ ...base, text: 'y' }, other]),
      payloadOf([{ ...base, mode: 0o600 }, other]),
      payloadOf([{ ...base, user: 0 }, other]),
      payloadOf([{ ...base, group: 0 }, other]),
      payloadOf([base, { ...other, group: 0 }]),
      payloadOf([base, other], 0),
      payloadOf([base]),
      payloadOf([]),
    ];
    for (const [index, one] of payloads.entries()) {
      const same = payloads.map((each) => isSamePayload(one, each));
      expect(same).toEqual(payloads.map((_, each) => each === index));
    }
    expect(isSamePayload(payloadOf([other, base]), payloadOf([base, other]))).toBe(true);
  });

  test('equal bytes in different memory are equal, changed ones are not taken for the old', () => {
    const first = payloadOf([{ path: 'a', text: 'one', mode: 0o644 }]);
    expect(isSamePayload(payloadOf([{ path: 'a', text: 'one', mode: 0o644 }]), first)).toBe(true);
    expect(isSamePayload(payloadOf([{ path: 'a', text: 'two', mode: 0o644 }]), first)).toBe(false);
  });

  test('files are in byte order, where a surrogate pair comes after U+FFEE', () => {
    const paths = ['😀', 'b', '\uffee', 'a-b', 'a/b', 'B'];
    const { files: sorted } = payloadOf(paths.map((path) => ({ path, text: '', mode: 0o644 })));
    expect([...sorted.keys()]).toEqual(['B', 'a-b', 'a/b', 'b', '\uffee', '😀']);
  });

  test('bytes are the sum of sizes; entries are files and the directories they need', () => {
    const paths = ['top', 'a/one', 'a/two', 'a/b/three', 'x/y/z/four'];
    const { bytes, entries } = payloadOf(paths.map((path) => ({ path, text: 'ü', mode: 0o644 })));
    expect({ bytes, entries }).toEqual({ bytes: 10, entries: 5 + 5 });
    expect(payloadOf([])).toMatchObject({ bytes: 0, entries: 0, mountGroup: undefined });
  });
});
