import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import {
  EMPTY_DIGEST,
  HEAD_KEY,
  objectRecord,
  readRecords,
  sealHead,
} from '../../../../src/stores/embedded/records.ts';
import { isSameContents } from '../../../../src/stores/kept/next-state.ts';
import { decodeObject, encodeObject } from '../../../../src/stores/kept/object-codec.ts';
import { seal, unseal } from '../../../../src/stores/sealed/envelope.ts';
import { createKeyFile, type KeyRing, readKeyRing } from '../../../../src/stores/sealed/key-file.ts';
import {
  configMapDraft,
  credential,
  projectedVolumeDraft,
  secretDraft,
  serviceAccountDraft,
  stored,
  unitCredentialsDraft,
} from '../../../support/objects/builders.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

let keys: KeyRing;

beforeAll(async () => {
  using directory = new TempDir();
  await createKeyFile(directory.at('key'));
  keys = await readKeyRing([directory.at('key')]);
});

const OBJECTS = [
  secretDraft('db', { password: 'hunter2', key: Uint8Array.of(0, 255, 10), empty: '' }, { immutable: true }),
  configMapDraft('app', { motd: 'grüezi\n', logo: Uint8Array.of(137, 80), __proto__x: '' }),
  serviceAccountDraft('robot', { imagePullSecrets: ['registry'], automountServiceAccountToken: false }),
  serviceAccountDraft('other', { secrets: ['s'] }),
  unitCredentialsDraft('units', { credentials: [credential('db', { kind: 'ConfigMap', optional: true })] }),
  projectedVolumeDraft('bundle', { projected: { sources: [{ secret: { name: 'db', optional: true } }] } }),
].map((draft) =>
  stored({
    ...draft,
    metadata: { ...draft.metadata, labels: new Map([['a', 'b']]), annotations: new Map([['c', 'd']]) },
  }),
);

test.each(OBJECTS)('$kind $metadata.name comes back as it was', (object) => {
  const back = decodeObject(encodeObject(object), 'read');
  expect(isSameContents(back, object)).toBe(true);
  expect(back.metadata).toEqual(object.metadata);
});

test('a record of names comes back with its object, and is absent where an older version wrote the object', () => {
  for (const object of OBJECTS) {
    const applied = new Set(['data[password]', 'metadata.labels[a]', 'data[__proto__]']);
    expect(decodeObject(encodeObject({ ...object, applied }), 'read').applied).toEqual(applied);
    expect(encodeObject(object).toString()).not.toContain('applied');
    expect(decodeObject(encodeObject(object), 'read').applied).toBeUndefined();
  }
});

describe('an envelope', () => {
  test('opens under the context it was sealed for, and no other', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), fc.string(), (bytes, context, other) => {
        const sealed = seal(keys.first, bytes, context);
        expect(new Uint8Array(unseal(keys, sealed, context, 'open').bytes)).toEqual(bytes);
        if (context !== other) expect(() => unseal(keys, sealed, other, 'open')).toThrow(LanternError);
      }),
    );
  });

  test('with any bit turned, or any byte cut off, does not open', () => {
    const sealed = seal(keys.first, Buffer.from('secret'), 'here');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const turned = Buffer.from(sealed);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => unseal(keys, turned, 'here', 'open')).toThrow(LanternError);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => unseal(keys, sealed.subarray(0, length), 'here', 'open')).toThrow(LanternError);
    }
  });
});

describe('records', () => {
  const secret = stored(secretDraft('db', { password: 'hunter2' }), { resourceVersion: '7' });
  const read = (...records: (readonly [string, Uint8Array])[]) => readRecords(records, keys, 'open');

  test('no record at all is an empty store', async () => {
    expect(await read()).toEqual({ objects: new Map(), head: undefined });
  });

  test('an object without a head, under another name, or that the head does not know', async () => {
    const [key, value] = objectRecord(keys.first, secret);
    const head = sealHead(keys.first, { storeId: 's', revision: 7, count: 0, digest: EMPTY_DIGEST });
    await expect(read([key, value])).rejects.toMatchObject({ code: 'data-loss' });
    await expect(read([`${key}-2`, value])).rejects.toMatchObject({ code: 'data-loss' });
    await expect(read([key, value], [HEAD_KEY, head])).rejects.toMatchObject({ code: 'data-loss' });
  });

  test('a head that knows another revision of it', async () => {
    const head = sealHead(keys.first, { storeId: 's', revision: 7, count: 1, digest: 'ab'.repeat(32) });
    const refused = read(objectRecord(keys.first, secret), [HEAD_KEY, head]);
    await expect(refused).rejects.toMatchObject({ code: 'data-loss', message: expect.not.stringContaining('hunter2') });
  });
});
