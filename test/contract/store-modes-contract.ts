import { describe, expect } from 'vitest';
import { orThrow } from '../../src/base/parsed.ts';
import type { Declared } from '../../src/objects/declared.ts';
import { objectToManifest } from '../../src/objects/manifest/object-to-manifest.ts';
import { parseObject } from '../../src/objects/manifest/parse-manifest.ts';
import { draftOf, type ObjectKind, refOf, type StoredObject } from '../../src/objects/object.ts';
import type { ApplyMode, ObjectEvent, Store } from '../../src/stores/store.ts';
import { manifestOf } from '../support/objects/manifests.ts';

type WithStore = (title: string, body: (store: Store, signal: AbortSignal) => Promise<void>) => void;
type Fields = Readonly<Record<string, unknown>>;

/** One write of the object "db". */
type Step = { readonly how: 'create' | 'edit' | 'replace' | 'merge'; readonly fields: Fields };
const create = (fields: Fields): Step => ({ how: 'create', fields });
/** A single change: what is there, with these fields instead. */
const edit = (fields: Fields): Step => ({ how: 'edit', fields });
const replace = (fields: Fields): Step => ({ how: 'replace', fields });
const merge = (fields: Fields): Step => ({ how: 'merge', fields });

type Row = {
  readonly title: string;
  readonly kind?: ObjectKind;
  readonly steps: readonly Step[];
  /** Of the last step… */
  readonly outcome: 'created' | 'configured' | 'unchanged';
  /** …and what the object then says, as `get` prints it, without apiVersion, kind and names. */
  readonly leaves: Fields;
};

const text = (values: Readonly<Record<string, string>>) => ({ stringData: values });
const base64 = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
const opaque = (values: Readonly<Record<string, string>>, more: Fields = {}) => ({
  data: base64(values),
  type: 'Opaque',
  ...more,
});
const labelled = (labels: Fields, annotations: Fields = {}) => ({ metadata: { name: 'db', labels, annotations } });

const unitsSpec = (unit: string) => ({ ...Object(manifestOf('UnitCredentials').spec), units: [unit] });

/** "As kubectl": tried with kubectl 1.32 on a server of 1.32, client-side. */
const ROWS: readonly Row[] = [
  {
    title: 'a key that the manifest no longer has is removed, as kubectl',
    steps: [merge({ data: base64({ a: '1', b: '2' }) }), merge({ data: base64({ a: '1' }) })],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'so is one of stringData, which kubectl keeps',
    steps: [merge(text({ a: '1', b: '2' })), merge(text({ a: '1' }))],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: "others' keys, labels and annotations stay, as kubectl",
    steps: [
      merge({ ...text({ a: '1' }), ...labelled({ l: 'mine' }) }),
      edit({ ...text({ a: '1', b: '2' }), ...labelled({ l: 'mine', m: 'theirs' }, { n: 'theirs' }) }),
      merge({ ...text({ a: '3' }) }),
    ],
    outcome: 'configured',
    leaves: opaque({ a: '3', b: '2' }, { metadata: { labels: { m: 'theirs' }, annotations: { n: 'theirs' } } }),
  },
  {
    title: 'a key of the manifest that others changed is the manifest’s again, as kubectl',
    steps: [merge(text({ a: '1' })), edit(text({ a: 'theirs' })), merge(text({ a: '1' }))],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'null removes, whoever put it, as kubectl',
    steps: [
      merge(text({ a: '1' })),
      edit({ ...text({ a: '1', b: '2', c: '3' }), ...labelled({ l: '1' }, { m: '2' }) }),
      merge({ data: { b: null, gone: null }, stringData: { a: '1', c: null }, ...labelled({ l: null }, { m: null }) }),
    ],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'null in data beside a value in stringData: the value',
    steps: [merge({ data: { a: null }, stringData: { a: '1' } }), merge({ data: { a: null }, stringData: { a: '2' } })],
    outcome: 'configured',
    leaves: opaque({ a: '2' }),
  },
  {
    title: 'null where there is nothing yet stores nothing',
    steps: [merge({ stringData: { a: '1', b: null } })],
    outcome: 'created',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'over what create made nothing is removed, as kubectl',
    steps: [create(text({ a: '1', b: '2' })), merge(text({ a: '3' }))],
    outcome: 'configured',
    leaves: opaque({ a: '3', b: '2' }),
  },
  {
    title: 'the same contents as create made them are recorded once',
    steps: [create(text({ a: '1' })), merge(text({ a: '1' })), merge(text({ a: '1' }))],
    outcome: 'unchanged',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'what a replacement had and the manifest has not goes (kubectl keeps it: its record is lost)',
    steps: [merge(text({ a: '1' })), replace(text({ a: '1', r: '2' })), merge(text({ a: '1' }))],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'an edit adds nothing to the record',
    steps: [merge(text({ a: '1' })), edit(text({ a: '1', b: '2' })), merge(text({ a: '1' })), merge(text({}))],
    outcome: 'configured',
    leaves: opaque({ b: '2' }),
  },
  {
    title: 'nor does it empty the record',
    steps: [merge(text({ a: '1', b: '2' })), edit(text({ a: '1', b: 'theirs' })), merge(text({ a: '1' }))],
    outcome: 'configured',
    leaves: opaque({ a: '1' }),
  },
  {
    title: 'a key that an edit removes is no longer the manifest’s: who puts it again has it',
    steps: [
      merge(text({ a: '1', b: '2' })),
      edit(text({ a: '1' })),
      edit(text({ a: '1', b: 'theirs' })),
      merge(text({ a: '1' })),
    ],
    outcome: 'unchanged',
    leaves: opaque({ a: '1', b: 'theirs' }),
  },
  {
    title: 'the same manifest again changes nothing',
    steps: [
      merge({ ...text({ a: '1', b: '2' }), ...labelled({ l: '1' }) }),
      merge({ ...text({ b: '2', a: '1' }), ...labelled({ l: '1' }) }),
    ],
    outcome: 'unchanged',
    leaves: opaque({ a: '1', b: '2' }, { metadata: { labels: { l: '1' } } }),
  },
  {
    title: 'immutable and type stay where they were never in a manifest, as kubectl',
    steps: [
      create({ type: 'example.com/odd', immutable: true, ...text({ a: '1' }) }),
      merge({ ...text({ a: '1' }), ...labelled({ l: '1' }) }),
    ],
    outcome: 'configured',
    leaves: { data: base64({ a: '1' }), type: 'example.com/odd', immutable: true, metadata: { labels: { l: '1' } } },
  },
  {
    title: 'a typed Secret whose manifest is a part of it is checked as a whole',
    steps: [
      create({ type: 'kubernetes.io/basic-auth', ...text({ username: 'u', password: 'p' }) }),
      merge(text({ password: 'q' })),
    ],
    outcome: 'configured',
    leaves: { data: base64({ username: 'u', password: 'q' }), type: 'kubernetes.io/basic-auth' },
  },
  {
    title: 'keys of a ConfigMap in both of its maps',
    kind: 'ConfigMap',
    steps: [
      merge({ data: { a: '1', b: '2' }, binaryData: base64({ c: '3', d: '4' }) }),
      edit({ data: { a: '1', b: '2', e: '5' }, binaryData: base64({ c: '3', d: '4', f: '6' }) }),
      merge({ data: { a: '1', f: null }, binaryData: { ...base64({ c: '3' }), e: null } }),
    ],
    outcome: 'configured',
    leaves: { data: { a: '1', e: '5' }, binaryData: base64({ c: '3', f: '6' }) },
  },
  {
    title: 'a key that moves from one map of a ConfigMap to the other, whoever put it',
    kind: 'ConfigMap',
    steps: [
      create({ data: { a: '1' }, binaryData: base64({ b: '2' }) }),
      merge({ data: { b: '3' }, binaryData: base64({ a: '4' }) }),
    ],
    outcome: 'configured',
    leaves: { data: { b: '3' }, binaryData: base64({ a: '4' }) },
  },
  {
    title: "an account's lists merge by name, as kubectl: the manifest's in its order, others' where they are",
    kind: 'ServiceAccount',
    steps: [
      merge({ imagePullSecrets: names('a', 'b'), secrets: names('s', 't') }),
      edit({ imagePullSecrets: names('x', 'a', 'b'), secrets: names('s', 't') }),
      merge({ imagePullSecrets: names('c', 'a'), secrets: names('t', 's') }),
    ],
    outcome: 'configured',
    leaves: { imagePullSecrets: names('x', 'c', 'a'), secrets: names('t', 's') },
  },
  {
    title: 'an account that others changed around the manifest',
    kind: 'ServiceAccount',
    steps: [
      merge({ imagePullSecrets: names('a') }),
      edit({ imagePullSecrets: names('x', 'a', 'y'), automountServiceAccountToken: false }),
      merge({ imagePullSecrets: names('a') }),
    ],
    outcome: 'unchanged',
    leaves: { imagePullSecrets: names('x', 'a', 'y'), automountServiceAccountToken: false },
  },
  {
    title: 'automounting that was in the manifest and is not any more',
    kind: 'ServiceAccount',
    steps: [merge({ automountServiceAccountToken: false }), merge({})],
    outcome: 'configured',
    leaves: {},
  },
  {
    title: "a volume's spec is replaced",
    kind: 'ProjectedVolume',
    steps: [
      merge({ spec: { secret: { secretName: 'a', optional: true } } }),
      merge({ spec: { secret: { secretName: 'b' } } }),
    ],
    outcome: 'configured',
    leaves: { spec: { secret: { secretName: 'b' } } },
  },
  {
    title: 'the credentials of units are replaced',
    kind: 'UnitCredentials',
    steps: [merge({}), merge({ spec: unitsSpec('b.service') })],
    outcome: 'configured',
    leaves: { spec: unitsSpec('b.service') },
  },
];

/** What a merge must not do. */
const REFUSALS: readonly { readonly title: string; readonly steps: readonly Step[]; readonly fault: string }[] = [
  {
    title: 'immutable that was in the manifest and is not any more, as kubectl',
    steps: [merge({ immutable: true, ...text({ a: '1' }) }), merge(text({ a: '1' }))],
    fault: 'immutable',
  },
  {
    title: 'immutable: false',
    steps: [create({ immutable: true }), merge({ immutable: false })],
    fault: 'immutable',
  },
  {
    title: 'a type that was in the manifest and is not any more, as kubectl',
    steps: [merge({ type: 'example.com/odd' }), merge({})],
    fault: 'type',
  },
  {
    title: 'null for a key of what is immutable',
    steps: [create({ immutable: true, ...text({ a: '1' }) }), merge({ data: { a: null } })],
    fault: 'data',
  },
  {
    title: 'a part that makes the whole invalid',
    steps: [
      create({ type: 'kubernetes.io/ssh-auth', ...text({ 'ssh-privatekey': 'k' }) }),
      merge({ data: { 'ssh-privatekey': null } }),
    ],
    fault: 'data',
  },
  {
    title: 'more data together than an object may have',
    steps: [create(text({ a: 'x'.repeat(700_000) })), merge(text({ b: 'x'.repeat(700_000) }))],
    fault: 'data',
  },
];

/** What each mode of `Store.apply` makes of an object and its record, for every store. */
export function describeApplyModes(withStore: WithStore): void {
  describe('apply by mode', () => {
    for (const { title, kind = 'Secret', steps, outcome, leaves } of ROWS) {
      withStore(title, async (store, signal) => {
        const applied = await carryOut(store, kind, steps, signal);
        expect({ outcome: applied.outcome, leaves: contentsOf(applied.object) }).toEqual({ outcome, leaves });
        expect(await store.get(refOf(applied.object), signal)).toEqual(applied.object);
      });
    }

    for (const { title, steps, fault } of REFUSALS) {
      withStore(`refuses ${title}`, async (store, signal) => {
        const before = await carryOut(store, 'Secret', steps.slice(0, -1), signal);
        const refused = carryOut(store, 'Secret', steps.slice(-1), signal);
        await expect(refused).rejects.toMatchObject({
          code: 'invalid-argument',
          faults: expect.arrayContaining([expect.objectContaining({ field: expect.stringMatching(`^${fault}`) })]),
        });
        expect(await store.get(refOf(before.object), signal)).toEqual(before.object);
      });
    }

    withStore('a copy brings its record along, without the names that are not in it', async (store, signal) => {
      const { draft } = declared('Secret', text({ a: '1', b: '2', c: '3' }));
      const applied = new Set(['data[a]', 'data[b]', 'data[nobody]', 'metadata.labels[x]', 'nonsense', '']);
      const { object } = await apply(store, draft, { kind: 'replace', applied }, signal);
      expect(object.applied).toEqual(new Set(['data[a]', 'data[b]']));
      const merged = await carryOut(store, 'Secret', [merge(text({ a: '1' }))], signal);
      expect(contentsOf(merged.object)).toEqual(opaque({ a: '1', c: '3' }));
    });

    withStore('a record alone that changes is a write of its own; the contents are the same', async (store, signal) => {
      const first = await carryOut(store, 'Secret', [create(text({ a: '1' }))], signal);
      const { revision } = await store.list({ kind: 'Secret' }, signal);
      const second = await carryOut(store, 'Secret', [merge(text({ a: '1' }))], signal);
      expect(second.outcome).toBe('configured');
      expect(draftOf(second.object)).toEqual(draftOf(first.object));
      expect(second.object.metadata.uid).toBe(first.object.metadata.uid);
      const [event] = await eventsAfter(store, revision, 1, signal);
      expect(event).toMatchObject({ type: 'modified', revision: Number(second.object.metadata.resourceVersion) });
    });

    withStore('a dry run of a merge answers as the real one would, and leaves no trace', async (store, signal) => {
      const { object } = await carryOut(store, 'Secret', [merge(text({ a: '1', b: '2' }))], signal);
      const { draft, wording } = declared('Secret', text({ b: '3' }));
      const options = { createOnly: false, dryRun: true, mode: { kind: 'merge', wording } } as const;
      const applied = await store.apply(draft, options, signal);
      expect([applied.outcome, contentsOf(applied.object)]).toEqual(['configured', opaque({ b: '3' })]);
      expect(await store.get(refOf(object), signal)).toEqual(object);
    });

    withStore('merges that come together are carried out one after the other', async (store, signal) => {
      await carryOut(store, 'Secret', [create(text({ theirs: '0' }))], signal);
      const ways = Array.from({ length: 8 }, (_, index) => merge(text({ [`k${index}`]: 'v' })));
      await Promise.all(ways.map((step) => carryOut(store, 'Secret', [step], signal)));
      const object = await store.get({ kind: 'Secret', namespace: 'default', name: 'db' }, signal);
      const data = (object?.kind === 'Secret' && [...object.data.keys()]) || [];
      // Each takes away what the one before recorded: the last is left, and what nobody recorded.
      expect(data).toHaveLength(2);
      expect(data).toContain('theirs');
    });
  });
}

function names(...list: readonly string[]) {
  return list.map((name) => ({ name }));
}

function declared(kind: ObjectKind, fields: Fields): Declared {
  return orThrow(parseObject(manifestOf(kind, fields), 'default'));
}

async function carryOut(store: Store, kind: ObjectKind, steps: readonly Step[], signal: AbortSignal) {
  let applied: Awaited<ReturnType<Store['apply']>> | undefined;
  for (const { how, fields } of steps) {
    const { draft, wording } = declared(kind, fields);
    const mode: ApplyMode = how === 'merge' ? { kind: 'merge', wording } : { kind: how === 'replace' ? how : 'update' };
    applied = await apply(store, draft, mode, signal);
  }
  if (applied === undefined) throw new Error('no step');
  return applied;
}

function apply(store: Store, draft: Declared['draft'], mode: ApplyMode, signal: AbortSignal) {
  return store.apply(draft, { createOnly: false, dryRun: false, mode }, signal);
}

/** As `get` prints it, without what every object has. */
function contentsOf(object: StoredObject): Fields {
  const { apiVersion: _, kind: _kind, metadata, ...body } = objectToManifest(draftOf(object), { withData: true });
  const { name: _name, namespace: _namespace, ...rest } = metadata as Record<string, unknown>;
  return Object.keys(rest).length === 0 ? body : { ...body, metadata: rest };
}

async function eventsAfter(store: Store, from: number, count: number, signal: AbortSignal): Promise<ObjectEvent[]> {
  const events: ObjectEvent[] = [];
  for await (const event of store.watch({ from }, signal)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}
