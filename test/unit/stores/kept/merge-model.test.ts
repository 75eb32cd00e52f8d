import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namesIn } from '../../../../src/objects/declared.ts';
import type { ObjectDraft, StoredObject } from '../../../../src/objects/object.ts';
import { MemoryStore } from '../../../../src/stores/kept/memory-store.ts';
import type { ApplyMode } from '../../../../src/stores/store.ts';
import { metadata } from '../../../support/objects/builders.ts';

/** An object as the model knows it: what there is, by name. */
type Flat = ReadonlyMap<string, string>;
type Model = { readonly contents: Flat; readonly record: ReadonlySet<string> };
type Write = {
  readonly how: 'update' | 'replace' | 'merge';
  readonly contents: Flat;
  readonly nulls: readonly string[];
};

const signal = new AbortController().signal;
// JavaScript's objects have opinions about some.
const KEYS = ['a', 'b', 'c', '__proto__', 'constructor'];
const MAPS = {
  Secret: ['data', 'metadata.labels', 'metadata.annotations'],
  ConfigMap: ['data', 'binaryData', 'metadata.labels'],
  ServiceAccount: ['secrets', 'imagePullSecrets', 'metadata.annotations'],
} as const;
type Kind = keyof typeof MAPS;

function writesOf(kind: Kind): fc.Arbitrary<Write[]> {
  const isList = (path: string) => kind === 'ServiceAccount' && !path.startsWith('metadata');
  const entries = MAPS[kind].flatMap((path) =>
    KEYS.filter((key) => !isList(path) || /^[a-z]+$/.test(key)).map((key) => {
      const value = isList(path) ? fc.constant(key) : fc.constantFrom('', '1', '2');
      return fc.option(fc.tuple(fc.constant(`${path}[${key}]`), value), { nil: undefined, freq: 1 });
    }),
  );
  const contents = fc.tuple(...entries).map((given) => new Map(given.filter((one) => one !== undefined)));
  const nulls = fc.subarray(
    MAPS[kind].filter((path) => !isList(path)).flatMap((path) => KEYS.map((key) => `${path}[${key}]`)),
  );
  const how = fc.constantFrom('update' as const, 'replace' as const, 'merge' as const, 'merge' as const);
  return fc.array(fc.record({ how, contents: contents.map(withOneOfEach), nulls }), { minLength: 1, maxLength: 8 });
}

/** A key of a ConfigMap is in one of its maps. */
function withOneOfEach(contents: Flat): Flat {
  return new Map(
    [...contents].filter(([name]) => !contents.has(name.replace(/^binaryData/, 'data')) || !/^bin/.test(name)),
  );
}

function draftOf(kind: Kind, contents: Flat): ObjectDraft {
  const under = (path: string) =>
    new Map(
      [...contents]
        .filter(([name]) => name.startsWith(`${path}[`))
        .map(([name, value]) => [name.slice(path.length + 1, -1), value]),
    );
  const bytes = (path: string) => new Map([...under(path)].map(([key, value]) => [key, Buffer.from(value)]));
  const meta = metadata('db', { labels: under('metadata.labels'), annotations: under('metadata.annotations') });
  if (kind === 'Secret') return { kind, metadata: meta, type: 'Opaque', data: bytes('data'), immutable: false };
  if (kind === 'ConfigMap') {
    return { kind, metadata: meta, data: under('data'), binaryData: bytes('binaryData'), immutable: false };
  }
  const lists = { secrets: [...under('secrets').keys()], imagePullSecrets: [...under('imagePullSecrets').keys()] };
  return { kind, metadata: meta, ...lists, automountServiceAccountToken: undefined };
}

/** next = current − (recorded − manifest) − nulls + manifest. */
function nextModel({ contents, record }: Model, { how, contents: manifest, nulls }: Write): Model {
  if (how !== 'merge') {
    const kept = [...record].filter((name) => manifest.has(name));
    return { contents: manifest, record: new Set(how === 'replace' ? manifest.keys() : kept) };
  }
  const isGone = (name: string) => record.has(name) || nulls.includes(name) || manifest.has(inOtherMap(name));
  const kept = [...contents].filter(([name]) => !isGone(name));
  return { contents: new Map([...kept, ...manifest]), record: new Set(manifest.keys()) };
}

function inOtherMap(name: string): string {
  return name.startsWith('data[') ? `binaryD${name.slice(1)}` : name.replace(/^binaryData\[/, 'data[');
}

/** What the object holds, named by nothing that the code under test knows. */
function flat(object: StoredObject): Flat {
  const maps: [string, Iterable<readonly [string, string | Uint8Array]>][] = [
    ['metadata.labels', object.metadata.labels],
    ['metadata.annotations', object.metadata.annotations],
  ];
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') maps.push(['data', object.data]);
  if (object.kind === 'ConfigMap') maps.push(['binaryData', object.binaryData]);
  if (object.kind === 'ServiceAccount') {
    maps.push(['secrets', object.secrets.map((name) => [name, name])]);
    maps.push(['imagePullSecrets', object.imagePullSecrets.map((name) => [name, name])]);
  }
  return new Map(
    maps.flatMap(([path, map]) => [...map].map(([key, value]) => [`${path}[${key}]`, Buffer.from(value).toString()])),
  );
}

test.each<Kind>(['Secret', 'ConfigMap', 'ServiceAccount'])(
  'a %s is what the model of a three-way merge says',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(writesOf(kind), async (writes) => {
        const store = new MemoryStore();
        let model: Model = { contents: new Map(), record: new Set() };
        for (const write of writes) {
          const mode: ApplyMode =
            write.how === 'merge'
              ? { kind: 'merge', wording: { nulls: write.nulls, unsaid: new Set() } }
              : { kind: write.how };
          const apply = () =>
            store.apply(draftOf(kind, write.contents), { createOnly: false, dryRun: false, mode }, signal);
          model = nextModel(model, write);
          const { object } = await apply();
          expect(flat(object)).toEqual(model.contents);
          expect(object.applied ?? new Set()).toEqual(model.record);
          for (const name of object.applied ?? []) expect(namesIn(object)).toContain(name);
          expect(await apply()).toEqual({ outcome: 'unchanged', object });
        }
      }),
      { numRuns: 300 },
    );
  },
);
