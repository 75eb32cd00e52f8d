import { describe, expect, test } from 'vitest';
import type { LanternError } from '../../src/base/errors.ts';
import { type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../../src/objects/object.ts';
import type { ApplyOptions, ObjectChange, ObjectEvent, Store, WatchFilter } from '../../src/stores/store.ts';
import {
  configMapDraft,
  credential,
  projectedVolumeDraft,
  secretDraft,
  serviceAccountDraft,
  unitCredentialsDraft,
} from '../support/objects/builders.ts';
import { describeApplyModes } from './store-modes-contract.ts';

/** A fresh, ready store; `dispose` gives back what it holds. */
export type MadeStore = { readonly store: Store; dispose(): Promise<void> };

export type StoreSettings = {
  /** How many changes a watch can go back at least, and never exceeds by more than one. */
  readonly historyEvents: number;
};

const APPLY: ApplyOptions = { createOnly: false, dryRun: false };
const SECRET: ObjectRef = { kind: 'Secret', namespace: 'default', name: 'db' };

/** The contract of `Store`, for every implementation. `makeStore` honours the settings. */
export function describeStore(name: string, makeStore: (settings: StoreSettings) => Promise<MadeStore>): void {
  const withStore = (
    title: string,
    body: (store: Store, signal: AbortSignal) => Promise<void>,
    historyEvents = 100,
  ) => {
    test(title, async () => {
      const made = await makeStore({ historyEvents });
      const stop = new AbortController();
      try {
        await made.store.ready(stop.signal);
        await body(made.store, stop.signal);
      } finally {
        stop.abort();
        await made.dispose();
      }
    });
  };

  describe(name, () => {
    describe('apply', () => {
      const drafts: readonly ObjectDraft[] = [
        secretDraft('db', { password: 'hunter2', key: Uint8Array.of(0, 255, 10) }, { immutable: true }),
        configMapDraft('app', { motd: 'grüezi\n', logo: Uint8Array.of(137, 80) }),
        serviceAccountDraft('robot', { imagePullSecrets: ['registry'], automountServiceAccountToken: false }),
        unitCredentialsDraft('units', { credentials: [credential('db', { kind: 'ConfigMap', optional: true })] }),
        projectedVolumeDraft('bundle', { projected: { sources: [{ secret: { name: 'db', optional: true } }] } }),
      ];
      for (const draft of drafts) {
        withStore(`keeps a ${draft.kind} as it was handed in`, async (store, signal) => {
          const { object, outcome } = await store.apply(draft, APPLY, signal);
          expect(outcome).toBe('created');
          expect(plain(object)).toEqual(plain(draft));
          expect(object.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
          expect(object.metadata.uid).not.toBe('');
          expect(await store.get(refOf(draft), signal)).toEqual(object);
        });
      }

      withStore(
        'replaces body, labels and annotations, and keeps what makes it the same object',
        async (store, signal) => {
          const labels = new Map([['team', 'blue']]);
          const first = await store.apply(
            secretDraft('db', { a: '1', b: '2' }, { metadata: { labels } }),
            APPLY,
            signal,
          );
          const second = await store.apply(secretDraft('db', { b: '3' }), APPLY, signal);
          expect(second.outcome).toBe('configured');
          expect(plain(second.object)).toEqual(plain(secretDraft('db', { b: '3' })));
          expect(second.object.metadata.uid).toBe(first.object.metadata.uid);
          expect(second.object.metadata.creationTimestamp).toBe(first.object.metadata.creationTimestamp);
          expect(revisionOf(second.object)).toBeGreaterThan(revisionOf(first.object));
        },
      );

      withStore('the same contents again change nothing, whatever the order of keys', async (store, signal) => {
        const { object } = await store.apply(secretDraft('db', { a: '1', b: '2' }), APPLY, signal);
        const heard: ObjectChange[] = [];
        using _ = store.follow(SECRET, (change) => heard.push(change));
        const before = await store.list({ kind: 'Secret' }, signal);
        const again = secretDraft(
          'db',
          {},
          {
            data: new Map([
              ['b', new Uint8Array([50])],
              ['a', Buffer.from('1')],
            ]),
          },
        );
        expect(await store.apply(again, APPLY, signal)).toEqual({ outcome: 'unchanged', object });
        expect((await store.list({ kind: 'Secret' }, signal)).revision).toBe(before.revision);
        expect(heard).toEqual([]);
      });

      withStore('a change of one byte, label or annotation is a change', async (store, signal) => {
        const base = { labels: new Map([['a', '1']]), annotations: new Map([['b', '2']]) };
        const drafts = [
          secretDraft('db', { k: 'v' }, { metadata: base }),
          secretDraft('db', { k: 'w' }, { metadata: base }),
          secretDraft('db', { k: 'w' }, { metadata: { ...base, labels: new Map([['a', '2']]) } }),
          secretDraft('db', { k: 'w' }, { metadata: { ...base, labels: new Map(), annotations: new Map() } }),
          secretDraft('db', { j: 'w' }),
          secretDraft('db', { j: 'w', k: '' }),
        ];
        const outcomes = [];
        for (const draft of drafts) outcomes.push((await store.apply(draft, APPLY, signal)).outcome);
        expect(outcomes).toEqual(['created', ...Array(5).fill('configured')]);
      });

      withStore('a dry run answers as the real one would, and leaves no trace', async (store, signal) => {
        const dryRun = { createOnly: false, dryRun: true };
        const { revision } = await store.list({ kind: 'Secret' }, signal);
        const { outcome, object } = await store.apply(secretDraft('db', { a: '1' }), dryRun, signal);
        expect([outcome, plain(object)]).toEqual(['created', plain(secretDraft('db', { a: '1' }))]);
        expect(await store.list({ kind: 'Secret' }, signal)).toEqual({ objects: [], revision });
      });

      withStore('refuses to create what exists', async (store, signal) => {
        await store.apply(secretDraft('db'), { createOnly: true, dryRun: false }, signal);
        const again = store.apply(secretDraft('db'), { createOnly: true, dryRun: false }, signal);
        await expect(again).rejects.toMatchObject({
          code: 'already-exists',
          message: expect.stringContaining('default/db'),
        });
      });

      withStore('refuses a version that is not the current one', async (store, signal) => {
        const at = (resourceVersion: string, value: string) =>
          store.apply(secretDraft('db', { a: value }, { metadata: { resourceVersion } }), APPLY, signal);
        await expect(at('1', 'x')).rejects.toMatchObject({ code: 'aborted' });
        const { object } = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        const next = await at(object.metadata.resourceVersion, '2');
        expect(next.outcome).toBe('configured');
        await expect(at(object.metadata.resourceVersion, '3')).rejects.toMatchObject({ code: 'aborted' });
        expect(await store.get(SECRET, signal)).toEqual(next.object);
      });

      withStore('of writers that start from one version, one wins', async (store, signal) => {
        const { object } = await store.apply(secretDraft('db', { a: '0' }), APPLY, signal);
        const { resourceVersion } = object.metadata;
        const writes = Array.from({ length: 8 }, (_, index) =>
          store.apply(secretDraft('db', { a: `by ${index}` }, { metadata: { resourceVersion } }), APPLY, signal),
        );
        const settled = await Promise.allSettled(writes);
        expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      withStore('refuses what the stored object forbids', async (store, signal) => {
        const { object } = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        const retyped = store.apply(secretDraft('db', { a: '1' }, { type: 'example.com/other' }), APPLY, signal);
        await expect(retyped).rejects.toMatchObject({ code: 'invalid-argument' });
        expect(await store.get(SECRET, signal)).toEqual(object);
      });
    });

    describeApplyModes(withStore);

    describe('delete', () => {
      withStore('answers the last state, then nothing', async (store, signal) => {
        const { object } = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        expect(await store.delete(SECRET, undefined, signal)).toEqual(object);
        expect(await store.get(SECRET, signal)).toBeUndefined();
        expect(await store.delete(SECRET, undefined, signal)).toBeUndefined();
      });

      withStore('refuses a version that is not the current one', async (store, signal) => {
        const { object } = await store.apply(secretDraft('db'), APPLY, signal);
        await expect(store.delete(SECRET, '1', signal)).rejects.toMatchObject({ code: 'aborted' });
        expect(await store.delete(SECRET, object.metadata.resourceVersion, signal)).toEqual(object);
      });

      withStore('an object made again is another object', async (store, signal) => {
        const first = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        await store.delete(SECRET, undefined, signal);
        const second = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        expect(second.outcome).toBe('created');
        expect(second.object.metadata.uid).not.toBe(first.object.metadata.uid);
        expect(revisionOf(second.object)).toBeGreaterThan(revisionOf(first.object) + 1);
      });
    });

    withStore('list: one kind, one namespace or all, in order', async (store, signal) => {
      for (const [namespace, object] of [
        ['b', 'x'],
        ['a', 'z'],
        ['a', 'y'],
        ['a-b', 'x'],
      ] as const) {
        await store.apply(secretDraft(object, {}, { metadata: { namespace } }), APPLY, signal);
      }
      const { object: last } = await store.apply(
        configMapDraft('c', {}, { metadata: { namespace: 'a' } }),
        APPLY,
        signal,
      );
      const names = async (namespace?: string) => {
        const { objects } = await store.list({ kind: 'Secret', ...(namespace && { namespace }) }, signal);
        return objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
      };
      expect(await names()).toEqual(['a/y', 'a/z', 'a-b/x', 'b/x']);
      expect(await names('a')).toEqual(['a/y', 'a/z']);
      expect((await store.list({ kind: 'Secret' }, signal)).revision).toBe(revisionOf(last));
    });

    describe('watch', () => {
      withStore('tells every change after the revision of a list, in order', async (store, signal) => {
        await store.apply(secretDraft('db', { a: '0' }), APPLY, signal);
        const { revision } = await store.list({ kind: 'Secret' }, signal);
        await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        const watch = eventsOf(store, { from: revision }, signal);
        await store.apply(configMapDraft('app'), APPLY, signal);
        await store.delete(SECRET, undefined, signal);
        const events = await take(watch, 3);
        expect(events.map(({ type, object }) => `${type} ${object.kind}`)).toEqual([
          'modified Secret',
          'added ConfigMap',
          'deleted Secret',
        ]);
        expect(events[2]?.object).toMatchObject({ data: new Map([['a', Buffer.from('1')]]) });
        const revisions = events.map((event) => event.revision);
        expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
        expect(revisions.map((at) => at > revision)).toEqual([true, true, true]);
      });

      withStore('resumes after any event it told', async (store, signal) => {
        const { revision } = await store.list({ kind: 'Secret' }, signal);
        for (let value = 0; value < 5; value++) await store.apply(secretDraft('db', { a: `${value}` }), APPLY, signal);
        const all = await take(eventsOf(store, { from: revision }, signal), 5);
        for (const [index, event] of all.entries()) {
          const rest = all.slice(index + 1);
          expect(await take(eventsOf(store, { from: event.revision }, signal), rest.length)).toEqual(rest);
        }
      });

      withStore('without a revision starts at the call, not at the first read', async (store, signal) => {
        await store.apply(secretDraft('before'), APPLY, signal);
        const watch = eventsOf(store, {}, signal);
        await store.apply(secretDraft('after'), APPLY, signal);
        const [event] = await take(watch, 1);
        expect(event?.object.metadata.name).toBe('after');
      });

      withStore('tells only of the kind and namespace asked for', async (store, signal) => {
        const watch = eventsOf(store, { kind: 'Secret', namespace: 'blue' }, signal);
        await store.apply(secretDraft('other'), APPLY, signal);
        await store.apply(configMapDraft('kind', {}, { metadata: { namespace: 'blue' } }), APPLY, signal);
        await store.apply(secretDraft('right', {}, { metadata: { namespace: 'blue' } }), APPLY, signal);
        const [event] = await take(watch, 1);
        expect(event?.object.metadata.name).toBe('right');
      });

      withStore('ends without an error when the signal aborts, also while it waits', async (store, signal) => {
        const stop = new AbortController();
        const watch = eventsOf(store, {}, AbortSignal.any([signal, stop.signal]));
        const waiting = watch.next();
        stop.abort();
        expect(await waiting).toEqual({ done: true, value: undefined });
      });

      withStore('from a revision this store has not reached: list again', async (store, signal) => {
        const { revision } = await store.list({ kind: 'Secret' }, signal);
        const watch = eventsOf(store, { from: revision + 1 }, signal);
        await expect(watch.next()).rejects.toMatchObject({ code: 'out-of-range' });
      });

      withStore(
        'from a compacted revision: list again',
        async (store, signal) => {
          const { revision } = await store.list({ kind: 'Secret' }, signal);
          for (let value = 0; value < 7; value++)
            await store.apply(secretDraft('db', { a: `${value}` }), APPLY, signal);
          const compacted = await eventsOf(store, { from: revision }, signal)
            .next()
            .then(
              () => undefined,
              (error: LanternError) => error,
            );
          expect(compacted?.code).toBe('out-of-range');
          expect(compacted?.message).toContain('list again');
          const { revision: head } = await store.list({ kind: 'Secret' }, signal);
          expect(await take(eventsOf(store, { from: head - 3 }, signal), 3)).toHaveLength(3);
        },
        3,
      );

      withStore(
        'a reader that is too slow is told so, and others are not held up',
        async (store, signal) => {
          const slow = eventsOf(store, {}, signal);
          await store.apply(secretDraft('db', { a: 'first' }), APPLY, signal);
          await slow.next();
          const fast = eventsOf(store, {}, signal);
          for (let value = 0; value < 20; value++) {
            await store.apply(secretDraft('db', { a: `${value}` }), APPLY, signal);
            expect((await fast.next()).done).toBe(false);
          }
          await expect(drain(slow)).rejects.toMatchObject({ code: 'resource-exhausted' });
        },
        5,
      );
    });

    describe('follow', () => {
      withStore('tells of this object only, in order, until disposed', async (store, signal) => {
        const heard: ObjectChange[] = [];
        const following = store.follow(SECRET, (change) => heard.push(change));
        await store.apply(configMapDraft('db'), APPLY, signal);
        await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        await store.apply(secretDraft('db', { a: '2' }), APPLY, signal);
        await store.delete(SECRET, undefined, signal);
        following[Symbol.dispose]();
        following[Symbol.dispose]();
        await store.apply(secretDraft('db'), APPLY, signal);
        expect(heard.map(({ type }) => type)).toEqual(['added', 'modified', 'deleted']);
        expect(heard.every(({ ref }) => ref.kind === 'Secret' && ref.name === 'db')).toBe(true);
        const revisions = heard.map(({ revision }) => revision);
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
      });

      withStore('by the time it tells, the new state can be read', async (store, signal) => {
        const read: Promise<StoredObject | undefined>[] = [];
        using _ = store.follow(SECRET, () => read.push(store.get(SECRET, signal)));
        const { object } = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        await store.delete(SECRET, undefined, signal);
        expect(await Promise.all(read)).toEqual([object, undefined]);
      });

      withStore(
        'every follower hears, the same function twice as well; ending one leaves the rest',
        async (store, signal) => {
          let count = 0;
          const listener = () => {
            count += 1;
          };
          const first = store.follow(SECRET, listener);
          using _ = store.follow(SECRET, listener);
          await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
          expect(count).toBe(2);
          first[Symbol.dispose]();
          await store.apply(secretDraft('db', { a: '2' }), APPLY, signal);
          expect(count).toBe(3);
        },
      );

      withStore('the revision of a followed object is known at once', async (store, signal) => {
        using _ = store.follow(SECRET, () => {});
        const key = refKey(SECRET);
        expect(await store.get(SECRET, signal)).toBeUndefined();
        expect(store.revisionOf(key)).toBeNull();
        const { object } = await store.apply(secretDraft('db', { a: '1' }), APPLY, signal);
        expect(store.revisionOf(key)).toBe(revisionOf(object));
        await store.delete(SECRET, undefined, signal);
        expect(store.revisionOf(key)).toBeNull();
      });

      withStore('one that ends another while being told spares it the call', async (store, signal) => {
        const heard: string[] = [];
        const others: Disposable[] = [];
        using _ = store.follow(SECRET, () => {
          heard.push('first');
          for (const other of others) other[Symbol.dispose]();
        });
        others.push(store.follow(SECRET, () => heard.push('second')));
        await store.apply(secretDraft('db'), APPLY, signal);
        expect(heard).toEqual(['first']);
      });
    });

    withStore('a call whose signal has aborted does nothing', async (store, signal) => {
      const reason = new Error('too late');
      const late = AbortSignal.abort(reason);
      await expect(store.apply(secretDraft('db'), APPLY, late)).rejects.toBe(reason);
      await expect(store.delete(SECRET, undefined, late)).rejects.toBe(reason);
      await expect(store.get(SECRET, late)).rejects.toBe(reason);
      await expect(store.list({ kind: 'Secret' }, late)).rejects.toBe(reason);
      expect(await store.get(SECRET, signal)).toBeUndefined();
    });

    test('two stores never share an id', async () => {
      const made = await Promise.all([makeStore({ historyEvents: 10 }), makeStore({ historyEvents: 10 })]);
      expect(new Set(made.map(({ store }) => store.storeId)).size).toBe(2);
      await Promise.all(made.map((one) => one.dispose()));
    });
  });
}

function revisionOf(object: StoredObject): number {
  return Number(object.metadata.resourceVersion);
}

/** What the user said, without what the store added and without caring which class holds the bytes. */
function plain(object: ObjectDraft | StoredObject): unknown {
  const { name, namespace, labels, annotations } = object.metadata;
  const bytes = (values: ReadonlyMap<string, Uint8Array>) =>
    new Map([...values].map(([key, value]) => [key, Buffer.from(value).toString('hex')]));
  const body = { ...object, metadata: { name, namespace, labels, annotations } };
  if (body.kind === 'Secret') return { ...body, data: bytes(body.data) };
  if (body.kind === 'ConfigMap') return { ...body, binaryData: bytes(body.binaryData) };
  return body;
}

function eventsOf(store: Store, filter: WatchFilter, signal: AbortSignal): AsyncIterator<ObjectEvent> {
  return store.watch(filter, signal)[Symbol.asyncIterator]();
}

async function take(events: AsyncIterator<ObjectEvent>, count: number): Promise<ObjectEvent[]> {
  const taken: ObjectEvent[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done) throw new Error(`the watch ended after ${taken.length} of ${count} events`);
    taken.push(next.value);
  }
  return taken;
}

/** Reads until the watch fails; one that goes on for ever is cut short, and then nothing is thrown. */
async function drain(events: AsyncIterator<ObjectEvent>): Promise<void> {
  for (let count = 0; count < 20; count++) await events.next();
}
