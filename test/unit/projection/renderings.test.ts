import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { toLanternError } from '../../../src/base/errors.ts';
import { Slices } from '../../../src/base/steps.ts';
import type { ObjectDraft } from '../../../src/objects/object.ts';
import { NOTHING, type ProjectionDependencies, project } from '../../../src/projection/project.ts';
import { Renderings } from '../../../src/projection/renderings.ts';
import { parserHere } from '../../../src/spec/parser/parse-tasks.ts';
import type { VolumeDefinition } from '../../../src/spec/volume-spec.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import { configMapDraft, podFacts, projectedVolumeDraft, secretDraft } from '../../support/objects/builders.ts';
import { inline, NEVER } from '../../support/projection/projection-world.ts';

/** Each call makes equal definitions of its own, as requests do. */
const DEFINITIONS: Readonly<Record<string, () => VolumeDefinition>> = {
  whole: () => inline({ secret: { secretName: 'a' } }),
  mode: () => inline({ secret: { secretName: 'a', defaultMode: 0o400 } }),
  optional: () => inline({ secret: { secretName: 'b', optional: true } }),
  two: () => inline({ projected: { sources: [{ secret: { name: 'a' } }, { configMap: { name: 'c' } }] } }),
  request: () => inline({ projected: { sources: [{ secret: { name: 'a' } }, { request: {} }] } }),
  pod: () => inline({ downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }),
  stored: () => ({ kind: 'named', projectedVolume: 'p' }),
};

let store: MemoryStore;
let renderings: Renderings;

const dependencies: ProjectionDependencies = {
  parser: parserHere,
  tokens: undefined,
  clock: systemClock,
  slices: new Slices(systemClock),
  budget: { bytes: 1024, entries: 100 },
  allocatable: new Map(),
};

type Asked = {
  readonly definition: string;
  readonly namespace: string;
  readonly mountGroup: number | undefined;
  readonly value: string;
};

/** Everything a volume gets of a projection, or the error. */
async function outcomeOf(asked: Asked, shared: Renderings | undefined) {
  const { namespace, mountGroup, value } = asked;
  const definition = DEFINITIONS[asked.definition]?.() ?? { kind: 'named', projectedVolume: '' };
  const pod = podFacts({ name: value });
  const inputs = { data: new Map([['request', Buffer.from(value)]]), tokens: new Map() };
  const followed: string[] = [];
  const target = {
    ...NOTHING,
    follow: (refs: readonly { name: string }[]) => followed.push(...refs.map((r) => r.name)),
  };
  try {
    const wanted = { namespace, definition, mountGroup, pod, inputs };
    const projection = await project(wanted, target, store, { ...dependencies, renderings: shared }, NEVER);
    return { projection, followed };
  } catch (error) {
    return { error: toLanternError(error, 'project').message, followed };
  }
}

beforeEach(() => {
  store = new MemoryStore({ clock: systemClock, ready: true });
  renderings = new Renderings();
});

const namespace = fc.constantFrom('default', 'other');
const value = fc.constantFrom('x', 'y');

const change = fc.oneof(
  fc.record({ what: fc.constantFrom('secret a', 'secret b', 'configMap c', 'volume p'), namespace, value }),
  fc.record({ what: fc.constantFrom('delete a', 'delete b', 'delete p'), namespace, value }),
);

const asked = fc.record({
  definition: fc.constantFrom(...Object.keys(DEFINITIONS)),
  namespace,
  mountGroup: fc.constantFrom(undefined, 0, 7),
  value,
});

function draftOf(what: string, ns: string, text: string): ObjectDraft {
  const metadata = { namespace: ns };
  if (what === 'configMap c') return configMapDraft('c', { key: text }, { metadata });
  if (what !== 'volume p') return secretDraft(what.slice(-1), { [text]: text }, { metadata });
  return projectedVolumeDraft('p', { secret: { secretName: 'a', defaultMode: text === 'x' ? 0o400 : 0o444 } });
}

async function make({ what, namespace: ns, value: text }: { what: string; namespace: string; value: string }) {
  if (!what.startsWith('delete'))
    return await store.apply(draftOf(what, ns, text), { createOnly: false, dryRun: false }, NEVER);
  const kind = what === 'delete p' ? 'ProjectedVolume' : 'Secret';
  return await store.delete({ kind, namespace: ns, name: what.slice(-1) }, undefined, NEVER).catch(() => undefined);
}

test('a shared rendering is the one that the volume would have by itself, whatever others asked for', async () => {
  const steps = fc.array(fc.oneof(change, asked, asked), { minLength: 10, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(steps, async (run) => {
      store = new MemoryStore({ clock: systemClock, ready: true });
      renderings = new Renderings();
      for (const step of run) {
        if ('what' in step) await make(step);
        else expect(await outcomeOf(step, renderings)).toEqual(await outcomeOf(step, undefined));
      }
    }),
    { numRuns: 100 },
  );
});

const payloadOf = async (asked: Asked) => (await outcomeOf(asked, renderings)).projection?.payload;

test('equal volumes share a payload, also when their objects change; the old one is not used again', async () => {
  const whole = { definition: 'whole', namespace: 'default', mountGroup: undefined, value: '' };
  await make({ what: 'secret a', namespace: 'default', value: 'x' });
  const first = await payloadOf(whole);
  expect(first).toBeDefined();
  expect(await payloadOf(whole)).toBe(first);
  await make({ what: 'secret a', namespace: 'default', value: 'y' });
  const second = await payloadOf(whole);
  expect([...(second?.files.keys() ?? [])]).toEqual(['y']);
  expect(await payloadOf(whole)).toBe(second);
  expect(await payloadOf({ ...whole, mountGroup: 7 })).not.toBe(second);
});

test('equal definitions become one', () => {
  const [first, again, other] = [DEFINITIONS.two?.(), DEFINITIONS.two?.(), DEFINITIONS.whole?.()];
  if (first === undefined || again === undefined || other === undefined) throw new Error('no definition');
  expect(renderings.sharedDefinition(first)).toBe(first);
  expect(renderings.sharedDefinition(again)).toBe(first);
  expect(renderings.sharedDefinition(other)).toBe(other);
});

test('a rendering that is known is no answer to a call that has been given up', async () => {
  const wanted = {
    namespace: 'default',
    definition: inline({ secret: { secretName: 'a' } }),
    mountGroup: undefined,
    pod: undefined,
    inputs: { data: new Map(), tokens: new Map() },
  };
  await make({ what: 'secret a', namespace: 'default', value: 'x' });
  const asked = (signal: AbortSignal) => project(wanted, NOTHING, store, { ...dependencies, renderings }, signal);
  const { payload } = await asked(NEVER);
  expect((await asked(NEVER)).payload).toBe(payload);
  await expect(asked(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
});

test('objects are not read again while the source knows that they are the same', async () => {
  const whole = { definition: 'whole', namespace: 'default', mountGroup: undefined, value: '' };
  await make({ what: 'secret a', namespace: 'default', value: 'x' });
  const first = await payloadOf(whole);
  const reads = vi.spyOn(store, 'get');
  expect(await payloadOf(whole)).toBe(first);
  expect(reads).not.toHaveBeenCalled();
  vi.spyOn(store, 'revisionOf').mockReturnValue(undefined);
  expect(await payloadOf(whole)).toBe(first);
  expect(reads).toHaveBeenCalledOnce();
});
