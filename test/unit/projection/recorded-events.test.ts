import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseContainerEnv } from '../../../src/spec/container-env.ts';
import { parseImageReference } from '../../../src/spec/image-reference.ts';
import type { PodFacts } from '../../../src/spec/pod-facts.ts';
import { relativePath } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const pod: PodFacts = {
  name: 'dapi-test-pod',
  uid: 'u1',
  labels: new Map(),
  annotations: new Map(),
  serviceAccountName: '',
  containers: [],
};
const involved = { kind: 'Pod', namespace: 'default', name: 'dapi-test-pod', uid: 'u1', fieldPath: '' };

async function arrange(): Promise<ProjectionWorld> {
  const world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'pl4nted' });
  return world;
}

describe('mounting', () => {
  it.each([
    ['a missing object', { secret: { secretName: 'gone' } }, 'Secret default/gone does not exist'],
    ['a missing key', { secret: { secretName: 'db', items: [{ key: 'user', path: 'u' }] } }, 'user'],
  ])('%s is one FailedMount for each request', async (_, source, text) => {
    await using world = await arrange();
    await expect(world.publish({ pod, definition: inline(source) })).rejects.toThrow();
    expect(world.recorded).toEqual([
      { involved, type: 'Warning', reason: 'FailedMount', message: expect.stringContaining(text) },
    ]);
    await expect(world.publish({ pod, definition: inline(source) })).rejects.toThrow();
    expect(world.recorded[1]).toEqual(world.recorded[0]);
  });

  it('a wait is said once, and its end is a mount', async () => {
    await using world = await arrange();
    const waiting = world.publish({
      pod,
      definition: inline({ secret: { secretName: 'late' } }),
      waitForObjects: true,
    });
    await world.apply('other', { a: 'b' });
    for (let attempt = 0; attempt < 3; attempt++) {
      world.clock.advance(20_000);
      await turn();
      await world.projector.settled();
    }
    await world.apply('late', { password: 'pl4nted' });
    await waiting;
    expect(world.recorded.map(({ reason }) => reason)).toEqual(['FailedMount', 'SuccessfulMount']);
    expect(world.recorded[0]?.message).toContain('waiting to mount');
  });

  it('who gives up waiting gets no second event', async () => {
    await using world = await arrange();
    const stop = new AbortController();
    const request = world.request({ definition: inline({ secret: { secretName: 'gone' } }), waitForObjects: true });
    const waiting = world.projector.publish(request, stop.signal);
    const ended = expect(waiting).rejects.toThrow();
    await vi.waitFor(() => expect(world.recorded).not.toEqual([]));
    stop.abort();
    await ended;
    expect(world.recorded.map(({ reason }) => reason)).toEqual(['FailedMount']);
  });

  it('a life of a volume, with no value in any event', async () => {
    await using world = await arrange();
    const definition = inline({ projected: { sources: [{ secret: { name: 'db' } }, { request: {} }] } });
    const tokens = new Map([['', { token: 'pl4nted-token', expirationTimestamp: '2026-11-23T20:00:00Z' }]]);
    const inputs = { data: new Map([['inline', Buffer.from('pl4nted-inline')]]), tokens };
    await world.publish({ pod, definition, inputs });
    const target = world.target('pinned');
    await world.publish({ pod, definition, inputs, target, subPath: relativePath('password') });
    await world.apply('db', { password: 'pl4nted-too' });
    await world.delete('db');
    await world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
    expect(world.recorded.map(({ reason }) => reason)).toEqual([
      'SuccessfulMount',
      'SuccessfulMount',
      'Updated',
      'UpdateSkipped',
      'FailedUpdate',
      'Unmounted',
      'Unmounted',
    ]);
    expect(JSON.stringify(world.recorded)).not.toContain('pl4nted');
  });
});

describe('environment', () => {
  const container = (raw: unknown) => orThrow(parseContainerEnv(raw, ''));
  const placement = { nodeName: '', hostIPs: [], podIPs: [] };
  const request = (raw: unknown, facts: PodFacts | undefined = pod) => ({
    namespace: 'default',
    container: container(raw),
    pod: facts,
    placement,
  });
  const BAD_KEYS = { name: 'app', envFrom: [{ secretRef: { name: 'mysecret' } }] };

  it('skipped names are an event of the container, in the words of the kubelet', async () => {
    await using world = await arrange();
    await world.apply('mysecret', { '1badkey': 'pl4nted', '2alsobad': 'pl4nted', good: 'pl4nted' });
    await world.projector.resolveEnvironment(request(BAD_KEYS), NEVER);
    expect(world.recorded).toEqual([
      {
        involved: { ...involved, fieldPath: 'spec.containers{app}' },
        type: 'Warning',
        reason: 'InvalidEnvironmentVariableNames',
        message:
          'Keys [1badkey, 2alsobad] from the EnvFrom secret default/mysecret were skipped since they are considered invalid environment variable names.',
      },
    ]);
  });

  it('nobody is named where the request names no pod', async () => {
    await using world = await arrange();
    await world.apply('mysecret', { '1badkey': 'x' });
    const { notices } = await world.projector.resolveEnvironment(request(BAD_KEYS, { ...pod, name: '' }), NEVER);
    expect(notices.length).toBe(1);
    expect(world.recorded).toEqual([]);
  });

  it('variables that cannot be resolved are the kubelet’s Failed', async () => {
    await using world = await arrange();
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'db', key: 'user' } } }];
    await expect(world.projector.resolveEnvironment(request({ name: 'app', env }), NEVER)).rejects.toThrow();
    expect(world.recorded).toEqual([
      {
        involved: { ...involved, fieldPath: 'spec.containers{app}' },
        type: 'Warning',
        reason: 'Failed',
        message: "Error: couldn't find key user in Secret default/db",
      },
    ]);
  });
});

it.each([
  [undefined, { kind: 'ServiceAccount', namespace: 'default', name: 'builder', uid: '', fieldPath: '' }],
  [pod, involved],
])('image pull secrets that are left out are events of the pod, else of the account', async (facts, about) => {
  await using world = await arrange();
  const image = orThrow(parseImageReference('registry.example/app', 'image'));
  const { notices } = await world.projector.resolveCredentials(
    {
      namespace: 'default',
      ...(facts && { pod: facts }),
      image,
      imagePullSecrets: ['gone', 'db'],
      serviceAccountName: 'builder',
    },
    NEVER,
  );
  expect(notices.length).toBe(2);
  expect(world.recorded).toEqual(notices.map((notice) => ({ involved: about, type: 'Warning', ...notice })));
  expect(JSON.stringify(world.recorded)).not.toContain('pl4nted');
});

it('of very many image pull secrets the first are looked at, and the rest is one notice', async () => {
  await using world = await arrange();
  const image = orThrow(parseImageReference('registry.example/app', 'image'));
  const imagePullSecrets = Array.from({ length: 20_000 }, (_, index) => `s${index}`);
  const request = { namespace: 'default', image, imagePullSecrets, serviceAccountName: 'builder' };
  const { notices } = await world.projector.resolveCredentials(request, NEVER);
  expect(notices.map(({ message }) => message).filter((message) => !message.includes('does not exist'))).toEqual([
    '19936 of more than 64 image pull secrets are left out',
  ]);
  expect(notices).toHaveLength(65);
});
