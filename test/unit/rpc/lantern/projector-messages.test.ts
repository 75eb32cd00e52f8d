import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VolumeEvent } from '../../../../src/projection/events/event-log.ts';
import {
  definitionToWire,
  eventToWire,
  parseWireDefinition,
  parseWirePod,
} from '../../../../src/rpc/lantern/projector-messages.ts';
import { lantern } from '../../../../src/rpc/protos.ts';
import { parserHere } from '../../../../src/spec/parser/parse-tasks.ts';
import type { VolumeDefinition } from '../../../../src/spec/volume-spec.ts';
import { arbitrarySpec } from '../../../support/objects/arbitrary-spec.ts';

type MountRequest = Parameters<typeof requestSerialize>[0];
const { requestSerialize, requestDeserialize } = lantern.Projector.service.Mount;

/** What the server sees of what a client sends. */
function sent(request: MountRequest) {
  return requestDeserialize(requestSerialize(request));
}

const parse = (definition: Parameters<typeof parseWireDefinition>[0], root = 'definition') =>
  parseWireDefinition(definition, root, parserHere, new AbortController().signal);

function overTheWire(definition: VolumeDefinition) {
  return parse(sent({ definition: definitionToWire(definition) }).definition);
}

describe('a definition', () => {
  it('is the same after the wire, whatever the spec', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySpec, async (spec) => {
        expect(await overTheWire({ kind: 'inline', spec })).toEqual({ ok: true, value: { kind: 'inline', spec } });
      }),
    );
  });

  it('may be a name', async () => {
    const definition = { kind: 'named', projectedVolume: 'bundle' } as const;
    expect(await overTheWire(definition)).toEqual({ ok: true, value: definition });
  });

  it('tells a zero from nothing', async () => {
    const secret = { secretName: 'db', defaultMode: 0, items: [{ key: 'a', path: 'a', mode: 0, user: 0 }] };
    const { definition } = sent({ definition: { source: { secret } } });
    expect(await parse(definition)).toMatchObject({
      value: {
        spec: {
          defaultMode: 0,
          defaultUser: undefined,
          sources: [{ items: [{ mode: 0, user: 0, group: undefined }] }],
        },
      },
    });
  });

  it('names every fault below its root', async () => {
    const items = [{ key: '', path: '/a', mode: 4096 }];
    const { definition } = sent({ definition: { source: { secret: { items } } } });
    const result = await parse(definition, 'root');
    expect(result.ok ? [] : result.faults.map(({ field }) => field)).toEqual([
      'root.source.secret.secretName',
      'root.source.secret.items[0].key',
      'root.source.secret.items[0].path',
      'root.source.secret.items[0].mode',
    ]);
  });
});

describe('pod facts', () => {
  it('are absent or what was sent, empty values and odd keys included', () => {
    expect(parseWirePod(sent({}).pod, 'pod')).toEqual({ ok: true, value: undefined });
    // `_a: "a"` looks like the mark that the loader leaves for a set optional field.
    const labels = { empty: '', _a: 'a' };
    const annotations = Object.fromEntries([['__proto__', 'x']]);
    const containers = [{ name: 'c', limits: { cpu: '250m' }, requests: {} }];
    const { pod } = sent({ pod: { name: 'web-0', uid: 'u', labels, annotations, containers } });
    expect(parseWirePod(pod, 'pod')).toEqual({
      ok: true,
      value: {
        name: 'web-0',
        uid: 'u',
        serviceAccountName: '',
        labels: new Map(Object.entries(labels)),
        annotations: new Map(Object.entries(annotations)),
        containers: [{ name: 'c', limits: new Map([['cpu', '250m']]), requests: new Map() }],
      },
    });
  });

  it.each([
    ['labels', { labels: { a: 'x'.repeat(262_144) } }, 'pod.labels'],
    ['annotations', { annotations: { ['x'.repeat(262_145)]: '' } }, 'pod.annotations'],
    ['names', { uid: 'x'.repeat(262_145) }, 'pod'],
  ])('are refused before they are read when they have more bytes of %s than a pod can have', (_, given, field) => {
    const { pod } = sent({ pod: { name: 'web-0', ...given } });
    expect(parseWirePod(pod, 'pod')).toMatchObject({
      ok: false,
      faults: [{ field, message: expect.stringContaining('no more than 262144 bytes') }],
    });
  });
});

it('an event is made and encoded once, however many watch it', () => {
  const head = { volumeId: 'v', namespace: 'default', pod: undefined, time: 0 } as const;
  const [event, equal] = [1, 2].map((): VolumeEvent => ({ ...head, type: 'mounted', target: '/t' }));
  if (event === undefined || equal === undefined) throw new Error('no event');
  const { responseSerialize } = lantern.Projector.service.WatchVolumes;
  const encoded = responseSerialize(eventToWire(event));
  expect(responseSerialize(eventToWire(event))).toBe(encoded);
  expect(responseSerialize(eventToWire(equal))).not.toBe(encoded);
  expect(responseSerialize(eventToWire(equal))).toEqual(encoded);
});
