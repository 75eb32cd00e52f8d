import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { StoredObject } from '../../../../src/objects/object.ts';
import {
  Archive,
  ArchiveCipher,
  ArchiveWriter,
  FRAME_BYTES,
  HEADER_BYTES,
  SEALED_FRAME_BYTES,
} from '../../../../src/stores/archive/archive.ts';
import { isSameContents } from '../../../../src/stores/kept/next-state.ts';
import { encodeObject } from '../../../../src/stores/kept/object-codec.ts';
import { type KeyRing, passingKey } from '../../../../src/stores/sealed/key-file.ts';
import { arbitraryObjects } from '../../../support/objects/arbitrary-object.ts';
import { secretDraft, stored } from '../../../support/objects/builders.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const PLANTED = 'pl4nted-secret';
const KEY = passingKey();
const KEYS = ringOf(KEY);
let directory: TempDir;

beforeAll(() => {
  directory = new TempDir('/dev/shm');
});
afterAll(() => directory[Symbol.dispose]());

function ringOf(key: KeyRing['first']): KeyRing {
  return { first: key, byId: new Map([[key.id, key]]) };
}

async function written(objects: readonly StoredObject[]): Promise<Buffer> {
  const file = await open(directory.at('archive'), 'w');
  try {
    const writer = await ArchiveWriter.begin(file, KEY);
    for (const object of objects) await writer.append(object);
    await writer.finish();
    return readFileSync(directory.at('archive'));
  } finally {
    await file.close();
  }
}

async function read(bytes: Uint8Array, keys = KEYS): Promise<StoredObject[]> {
  writeFileSync(directory.at('read'), bytes);
  const file = await open(directory.at('read'));
  try {
    const archive = await Archive.open(file, keys, 'import "x"');
    const objects: StoredObject[] = [];
    for await (const object of archive.objects()) objects.push(object);
    return objects;
  } finally {
    await file.close();
  }
}

function expectSame(found: readonly StoredObject[], wanted: readonly StoredObject[]): void {
  expect(found.map(({ metadata }) => metadata)).toEqual(wanted.map(({ metadata }) => metadata));
  for (const [index, object] of wanted.entries()) {
    const back = found[index];
    expect(back !== undefined && isSameContents(back, object)).toBe(true);
  }
}

/** What reading it is refused with; never a byte of what is in it. */
async function refusalOf(bytes: Uint8Array, keys = KEYS): Promise<string> {
  const { code, message } = await rejectionOf(read(bytes, keys));
  expect(message).not.toContain(PLANTED);
  return code;
}

/** An archive of one's own: whoever has the key can write what the writer would not. */
function forged(...frames: readonly Buffer[]): Buffer {
  const cipher = ArchiveCipher.seal(KEY);
  const sealed = frames.map((frame, index) => cipher.seal(frame, index, index === frames.length - 1));
  return Buffer.concat([cipher.header, ...sealed]);
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

const small = stored(secretDraft('db', { password: PLANTED }));
/** Takes about as many frames as its name says. */
const large = (frames: number) =>
  stored(secretDraft(`frames-${frames}`, { x: Buffer.alloc((frames - 0.5) * FRAME_BYTES * 0.75, frames) }));

test('any objects come back as they were, in order', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryObjects, async (drafts) => {
      const objects = drafts.map((draft) => stored(draft));
      expectSame(await read(await written(objects)), objects);
    }),
    { numRuns: 60 },
  );
});

test.each([-2, -1, 0, 1])('objects that end %i bytes after the end of a frame come back', async (offset) => {
  expect.hasAssertions();
  // Base64 grows by steps of four: the name makes up for the rest.
  for (const tail of [0, 1, 2, 3]) {
    const draft = (bytes: number) => stored(secretDraft(`n${'x'.repeat(tail)}`, { x: Buffer.alloc(bytes, 1) }));
    const overhead = encodeObject(draft(0)).length;
    const missing = FRAME_BYTES + offset - 4 - overhead;
    if (missing % 4 !== 0) continue;
    const object = draft((missing / 4) * 3);
    expect(encodeObject(object)).toHaveLength(FRAME_BYTES + offset - 4);
    expectSame(await read(await written([object])), [object]);
    const three = [object, object, small];
    expectSame(await read(await written(three)), three);
  }
});

test('a frame opens in its own place in its own archive alone', () => {
  const cipher = ArchiveCipher.seal(KEY);
  const places = [0, 1, 2, 255, 256, 2 ** 32, 2 ** 33].flatMap((number) => [
    { number, isLast: false },
    { number, isLast: true },
  ]);
  for (const place of places) {
    const sealed = cipher.seal(Buffer.from(PLANTED), place.number, place.isLast);
    const opened = places.filter(({ number, isLast }) => cipher.open(sealed, number, isLast) !== undefined);
    expect(opened).toEqual([place]);
    expect(ArchiveCipher.seal(KEY).open(sealed, place.number, place.isLast)).toBeUndefined();
    const header = Buffer.from(cipher.header);
    header[HEADER_BYTES - 1] = (header[HEADER_BYTES - 1] ?? 0) ^ 1;
    expect(ArchiveCipher.open(KEYS, header, 'open').open(sealed, place.number, place.isLast)).toBeUndefined();
  }
});

test('no two archives are sealed with the same key stream', () => {
  const [one, other] = [ArchiveCipher.seal(KEY), ArchiveCipher.seal(KEY)].map((cipher) =>
    cipher.seal(Buffer.alloc(64), 0, true).subarray(0, 64),
  );
  expect(one).not.toEqual(other);
});

test('nothing that is in it shows', async () => {
  const bytes = (await written([small, small])).toString('latin1');
  expect(bytes).not.toMatch(/pl4nted|cGw0bnRlZ|password|Secret|db/);
});

describe('an archive is refused', () => {
  test('with any bit turned', async () => {
    const bytes = await written([small]);
    for (let index = 0; index < bytes.length; index++) {
      const turned = Buffer.from(bytes);
      turned[index] = (turned[index] ?? 0) ^ (1 << (index & 7));
      expect(await refusalOf(turned)).toMatch(/^(?:data-loss|invalid-argument|failed-precondition)$/);
    }
  });

  test('with any number of bytes cut off or added', async () => {
    const bytes = await written([small]);
    for (let length = 0; length < bytes.length; length++) await refusalOf(bytes.subarray(0, length));
    expect(await refusalOf(Buffer.concat([bytes, Buffer.of(0)]))).toBe('data-loss');
    expect(await refusalOf(Buffer.concat([bytes, bytes]))).toBe('data-loss');
  });

  test('with frames left out, repeated, moved, or from another archive of the same key', async () => {
    const bytes = await written([large(4)]);
    const header = bytes.subarray(0, HEADER_BYTES);
    const frame = (index: number, of = bytes) =>
      of.subarray(HEADER_BYTES + index * SEALED_FRAME_BYTES, HEADER_BYTES + (index + 1) * SEALED_FRAME_BYTES);
    const frames = [0, 1, 2, 3].map((index) => frame(index));
    expect(Buffer.concat([header, ...frames]).equals(bytes)).toBe(true);
    const other = await written([large(4)]);
    const arrangements = [
      ...[0, 1, 2, 3].map((left) => frames.filter((_, index) => index !== left)),
      ...[1, 2, 3].map((kept) => frames.slice(0, kept)),
      [],
      [...frames, ...frames.slice(3)],
      [0, 0, 1, 2, 3].map((index) => frame(index)),
      [1, 0, 2, 3].map((index) => frame(index)),
      [0, 1, 2].map((index) => frame(index)).concat(frame(3, other)),
      [0, 1, 2, 3].map((index) => frame(index, other)),
    ];
    for (const arrangement of arrangements) {
      expect(await refusalOf(Buffer.concat([header, ...arrangement]))).toBe('data-loss');
    }
    // Cut within each frame, and right beside each border.
    for (let border = HEADER_BYTES; border < bytes.length; border += SEALED_FRAME_BYTES) {
      for (const length of [border - 1, border, border + 1, border + 15, border + 16, border + 17, border + 9_999]) {
        await refusalOf(bytes.subarray(0, length));
      }
    }
  });

  test('for a wrong key, even one that calls itself the right one', async () => {
    const bytes = await written([small]);
    const other = passingKey();
    expect(await refusalOf(bytes, ringOf(other))).toBe('failed-precondition');
    expect(await refusalOf(bytes, ringOf({ ...other, id: KEY.id }))).toBe('data-loss');
  });

  test.each<[string, Buffer]>([
    ['a length without bytes', lengthOf(100)],
    ['a length beyond every object', Buffer.concat([lengthOf(2 ** 32 - 1), Buffer.alloc(100)])],
    ['half a length', Buffer.of(0, 0)],
    ['no JSON', Buffer.concat([lengthOf(PLANTED.length), Buffer.from(PLANTED)])],
    ['nothing at all in an object', lengthOf(0)],
    ['another kind', record({ kind: 'Pod', metadata: small.metadata, spec: PLANTED })],
    ['half an object', record({ kind: 'Secret', type: 'Opaque', data: [[PLANTED, 'no base64!']] })],
    ['a prototype', record(JSON.parse('{"__proto__": {"kind": "Secret"}, "kind": 7}'))],
  ])('when whoever has the key has written %s', async (_what, frame) => {
    expect(await refusalOf(forged(frame))).toBe('data-loss');
  });
});

function record(value: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(value));
  return Buffer.concat([lengthOf(bytes.length), bytes]);
}

test('what is too long for an object is refused before it is read', async () => {
  const frames = [Buffer.concat([lengthOf(64 * 2 ** 20 + 1), Buffer.alloc(FRAME_BYTES - 4)])];
  writeFileSync(
    directory.at('read'),
    forged(...frames, ...Array.from({ length: 30 }, () => Buffer.alloc(FRAME_BYTES))),
  );
  const file = await open(directory.at('read'));
  const reads = vi.spyOn(file, 'read');
  try {
    const archive = await Archive.open(file, KEYS, 'import "x"');
    expect((await rejectionOf(archive.objects().next())).code).toBe('data-loss');
    expect(reads.mock.calls.length).toBeLessThan(10);
  } finally {
    await file.close();
  }
});

test('reading twice reads the same, and a file that is exchanged in between is refused', async () => {
  writeFileSync(directory.at('read'), await written([small]));
  const file = await open(directory.at('read'));
  try {
    const archive = await Archive.open(file, KEYS, 'import "x"');
    const count = async () => {
      let found = 0;
      for await (const _ of archive.objects()) found++;
      return found;
    };
    expect([await count(), await count()]).toEqual([1, 1]);
    writeFileSync(directory.at('read'), await written([small]));
    expect((await rejectionOf(count())).code).toBe('data-loss');
  } finally {
    await file.close();
  }
});
