import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type KeptInputs,
  parseInputs,
  parseRecord,
  recordParser,
  serializeInputs,
  serializeRecord,
  type VolumeRecord,
} from '../../../src/volume/record.ts';
import { arbitrarySpec } from '../../support/objects/arbitrary-spec.ts';
import {
  configMapSource,
  item,
  podFacts,
  relativePath,
  secretSource,
  volumeSpec,
} from '../../support/objects/builders.ts';
import { recordOf, volumeId } from '../../support/volume/volume-content.ts';

const RECORD: VolumeRecord = {
  ...recordOf(volumeId('csi-1/x'), [
    { target: '/var/lib/kubelet/pods/1/mount' },
    {
      target: '/t',
      subPath: relativePath('a/b'),
      pinnedGeneration: '..2026_11_23_19_24_08.000000000',
      accessMode: 'MULTI_NODE_READER_ONLY',
      readonly: false,
      mountFlags: ['noexec', 'nosymfollow'],
    },
  ]),
  definition: {
    kind: 'inline',
    spec: volumeSpec(
      [secretSource('db', { items: [item('a', 'x/a', { mode: 0o400, user: 5 })] }), configMapSource('c')],
      {
        defaultMode: 0o640,
      },
    ),
  },
  mountGroup: 4321,
  mountedAt: 1_795_000_000_000,
  pod: podFacts({ labels: new Map([['app', 'web']]) }),
  objects: new Map([
    ['Secret/default/db', 17],
    ['ConfigMap/default/c', null],
  ]),
};

describe('a record', () => {
  test('comes back as it was', () => {
    expect(parseRecord(serializeRecord(RECORD))).toEqual({ ok: true, value: RECORD });
    const named = {
      ...RECORD,
      definition: { kind: 'named', projectedVolume: 'all' },
      mountGroup: undefined,
      mountedAt: undefined,
      pod: undefined,
    };
    expect(parseRecord(serializeRecord(named as VolumeRecord))).toEqual({ ok: true, value: named });
  });

  test.each<[string, unknown, string]>([
    ['version', 2, 'version'],
    ['volumeId', '', 'volumeId'],
    ['namespace', '../x', 'namespace'],
    ['definition', { source: { secret: {} } }, 'definition.source.secret.secretName'],
    ['definition', 5, 'definition'],
    ['mountGroup', -1, 'mountGroup'],
    ['mountGroup', 0xffff_ffff, 'mountGroup'],
    ['mountedAt', 1.5, 'mountedAt'],
    ['pod', { labels: 3 }, 'pod.labels'],
    ['publications', [{ target: 'relative' }], 'publications[0].target'],
    ['publications', {}, 'publications'],
    ['storeId', 5, 'storeId'],
    ['objects', { 'Secret/db': 1 }, 'objects[Secret/db]'],
    ['objects', { 'Secret/default/db': -1 }, 'objects[Secret/default/db]'],
    ['objects', { 'Secret/default/db': 'x' }, 'objects[Secret/default/db]'],
    ['surprise', 1, 'surprise'],
  ])('with another %s (%j) is refused at %s', (name, value, at) => {
    const result = parseRecord(JSON.stringify({ ...JSON.parse(serializeRecord(RECORD)), [name]: value }));
    expect(result).toMatchObject({ ok: false });
    expect(result.ok || result.faults.map(({ field }) => field)).toContain(at);
  });

  test.each([
    ['subPath', '../out'],
    ['subPath', '..data'],
    ['pinnedGeneration', '../../etc'],
    ['accessMode', 'ANY'],
    ['readonly', 'yes'],
    ['mountFlags', ['suid']],
  ])('of a publication with %s %j is refused there', (name, value) => {
    const raw = JSON.parse(serializeRecord(RECORD));
    raw.publications[1][name] = value;
    const result = parseRecord(JSON.stringify(raw));
    expect(result.ok || result.faults[0]?.field).toContain(`publications[1].${name}`);
  });

  test('cut short or scrambled anywhere is a fault or a record, never an exception', () => {
    const text = serializeRecord(RECORD);
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ maxLength: 4 }), fc.nat(6), (at, patch, gap) => {
        const result = parseRecord(text.slice(0, at) + patch + text.slice(at + gap));
        expect(typeof result.ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseRecord(JSON.stringify(value))));
  });
});

describe('the parser for many records', () => {
  const WITH_ALL = {
    ...RECORD,
    podVolume: { name: 'v', root: '/r', made: ['/r/a'] },
    publications: RECORD.publications.map((publication) => ({ ...publication, mountId: 7, isAssumed: true as const })),
  };
  const TEXTS = ['', '/a', 'a//b', '../x', '..data', '__proto__', 'Secret/a/b', 'noexec', 'x'.repeat(300)];
  const NUMBERS = [-1, -0, 1, 1.5, 0xffff_ffff, 2 ** 53];
  const VALUES = [undefined, null, true, false, [], [null], {}, { a: 1 }, ...TEXTS, ...NUMBERS];

  const agree = (json: unknown) => {
    const text = JSON.stringify(json);
    const [one, other] = [recordParser()(text), parseRecord(text)];
    if (!isDeepStrictEqual(one, other)) expect({ text, result: one }).toStrictEqual({ text, result: other });
  };

  test('gives what the schema gives, for every record that was written', () => {
    const labels = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(arbitrarySpec, labels, fc.boolean(), (spec, labels, hasPod) => {
        const pod = hasPod ? podFacts({ labels: new Map(Object.entries(labels)) }) : undefined;
        agree(JSON.parse(serializeRecord({ ...WITH_ALL, definition: { kind: 'inline', spec }, pod })));
      }),
    );
  });

  test('accepts and refuses as the schema does, whatever stands in a place, is missing or is added', () => {
    const text = serializeRecord(WITH_ALL);
    const places = [...placesIn(JSON.parse(text))].length;
    const change = (place: number, name: string | undefined, value: unknown) => {
      const raw = JSON.parse(text);
      const [holder, held] = [...placesIn(raw)][place] ?? [{}, ''];
      Object.defineProperty(holder, name ?? held, { value, enumerable: true, configurable: true, writable: true });
      agree(raw);
    };
    for (let place = 0; place < places; place += 1) {
      for (const value of VALUES) change(place, undefined, value);
      for (const name of ['__proto__', 'more', 'subPath', 'Secret/x/y']) change(place, name, 1);
    }
    fc.assert(fc.property(fc.jsonValue(), agree));
  });

  test('makes one object of equal definitions', () => {
    const parse = recordParser();
    const [one, other] = ['one', 'other'].map((id) => parse(serializeRecord({ ...RECORD, volumeId: volumeId(id) })));
    expect(one?.ok && other?.ok && one.value.definition === other.value.definition).toBe(true);
  });
});

/** Every object of the value, with each of its keys. */
function* placesIn(value: unknown): Iterable<readonly [Record<string, unknown>, string]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, held] of Object.entries(value)) {
    yield [value as Record<string, unknown>, name];
    yield* placesIn(held);
  }
}

describe("the request's inputs", () => {
  const INPUTS: KeptInputs = {
    data: new Map([
      ['password', Buffer.from([0, 255, 128])],
      ['__proto__', Buffer.from('x')],
      ['empty', Buffer.alloc(0)],
    ]),
    tokens: new Map([['', { token: 'ey.x', expirationTimestamp: '2026-11-23T19:24:08Z' }]]),
    issued: new Map([['vault', { token: 'ey.y', expiresAt: 2, renewAt: 1, bearer: 'b', terms: 't' }]]),
  };

  test('come back byte for byte', () => {
    const result = parseInputs(serializeInputs(INPUTS));
    if (!result.ok) expect.fail();
    expect([...result.value.data].map(([key, bytes]) => [key, [...bytes]])).toEqual(
      [...INPUTS.data].map(([key, bytes]) => [key, [...bytes]]),
    );
    expect(result.value.tokens).toEqual(INPUTS.tokens);
    expect(result.value.issued).toEqual(INPUTS.issued);
  });

  test.each([
    '{"version":1,"data":{"a":"PLANTED-SECRET!"},"tokens":{}}',
    '{"version":1,"data":{"a":["PLANTED-SECRET"]},"tokens":{}}',
    '{"version":1,"data":{},"tokens":{"x":{"token":1,"expirationTimestamp":"PLANTED-SECRET"}}}',
    '{"version":1,"data":{},"tokens":{"x":"PLANTED-SECRET"}}',
    '{"version":1,"data":{},"tokens":{},"issued":{"x":{"token":1,"bearer":"PLANTED-SECRET"}}}',
    '{"version":"PLANTED-SECRET","data":{},"tokens":{}}',
    '{"data": PLANTED-SECRET',
    'PLANTED-SECRET',
  ])('that are damaged (%s) are refused without showing a byte of them', (text) => {
    const result = parseInputs(text);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('PLANTED');
  });
});
