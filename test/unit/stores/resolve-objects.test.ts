import { expect, test } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { type ObjectRef, refKey, SIGNING_KEYS, type StoredObject } from '../../../src/objects/object.ts';
import { resolveObjects } from '../../../src/stores/resolve-objects.ts';
import type { Source } from '../../../src/stores/store.ts';
import { objectsByKey, secretDraft, stored } from '../../support/objects/builders.ts';

const { signal } = new AbortController();

/** A source that keeps account of what is read. */
class CountingSource implements Source {
  readonly storeId = 'counting';
  readonly reads: string[] = [];
  readonly #objects: ReadonlyMap<string, StoredObject>;

  constructor(...objects: readonly StoredObject[]) {
    this.#objects = objectsByKey(...objects);
  }

  async ready(): Promise<void> {}

  async get(ref: ObjectRef): Promise<StoredObject | undefined> {
    this.reads.push(refKey(ref));
    if (ref.name === 'unreadable') throw new LanternError('unavailable', 'read: the store is away');
    return this.#objects.get(refKey(ref));
  }

  follow(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  revisionOf(): undefined {
    return undefined;
  }
}

function secretRef(name: string, optional = false) {
  return { ref: { kind: 'Secret', namespace: 'default', name } as const, optional };
}

test('each object is read once, and one that does not exist is absent', async () => {
  const object = stored(secretDraft('db'));
  const source = new CountingSource(object);
  const refs = [secretRef('db'), secretRef('none'), secretRef('db', true), secretRef('none', true)];
  const found = await resolveObjects(source, refs, signal);
  expect([...found]).toEqual([['Secret/default/db', object]]);
  expect(source.reads).toEqual(['Secret/default/db', 'Secret/default/none']);
});

test('an object that cannot be read fails the whole, also when it is optional', async () => {
  const source = new CountingSource(stored(secretDraft('db')));
  const reading = resolveObjects(source, [secretRef('db'), secretRef('unreadable', true)], signal);
  await expect(reading).rejects.toMatchObject({ code: 'unavailable' });
});

test('the keys that sign tokens are never read for a volume, also when they are optional', async () => {
  const source = new CountingSource();
  const reading = resolveObjects(source, [secretRef('db'), { ref: SIGNING_KEYS, optional: true }], signal);
  await expect(reading).rejects.toMatchObject({ code: 'permission-denied' });
  expect(source.reads).toEqual([]);
});
