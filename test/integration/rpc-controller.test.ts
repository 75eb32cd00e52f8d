import { readFileSync } from 'node:fs';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { ValidateVolumeCapabilitiesRequest } from '../../src/rpc/generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { Volume__Output as Volume } from '../../src/rpc/generated/csi/v1/Volume.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import type { ApplyRequest } from '../../src/rpc/generated/lantern/v1/ApplyRequest.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rawClient } from '../support/projection/rpc-fixture.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const CAPABILITY: VolumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } };
const BLOCK: VolumeCapability = { block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } };

let harness: DaemonHarness;

beforeAll(async () => {
  harness = await DaemonHarness.start({ poolSize: '8Mi' });
  await harness.applySecret('db', { password: '1f2d1e2e67df' });
});

afterAll(() => harness[Symbol.asyncDispose]());

const controller = () => harness.client.controller;

async function create(changes: CreateVolumeRequest = {}): Promise<Volume> {
  const request = { name: 'app', volumeCapabilities: [CAPABILITY], parameters: { secretName: 'db' } };
  const { volume } = await controller().createVolume({ ...request, ...changes });
  if (volume === null) throw new Error('no volume in the answer');
  return volume;
}

/** `code: message` of a call that must fail. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const { code, message } = await rejectionOf(call);
  return `${code}: ${message}`;
}

async function objects(): Promise<string[]> {
  const { objects: all } = await harness.client.objects.list({ kind: 'ProjectedVolume' });
  return all.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);
}

async function apply(name: string, spec: object, more: ApplyRequest = {}): Promise<void> {
  const object = { metadata: { name }, projectedVolume: { specJson: JSON.stringify(spec) } };
  await harness.client.objects.apply({ object, ...more });
}

async function remove(...names: string[]): Promise<void> {
  for (const name of names) {
    await harness.client.objects.delete({ ref: { kind: 'ProjectedVolume', namespace: 'default', name } });
  }
}

it('says what the controller can do, and that it is there', async () => {
  const { capabilities } = await controller().controllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).toEqual(['CREATE_DELETE_VOLUME']);
  const plugin = await harness.client.identity.getPluginCapabilities({});
  expect(plugin.capabilities.map(({ service }) => service?.type)).toEqual(['CONTROLLER_SERVICE']);
});

it.each(['ControllerPublishVolume', 'ListVolumes', 'CreateSnapshot', 'ControllerExpandVolume'])(
  '%s is not there',
  async (method) => {
    const client = rawClient(`${harness.runDirectory}/csi/csi.sock`);
    const asIs = (message: Buffer) => message;
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(`/csi.v1.Controller/${method}`, asIs, asIs, Buffer.alloc(0), new Metadata(), resolve);
    });
    client.close();
    expect(error?.code).toBe(status.UNIMPLEMENTED);
  },
);

it('makes a volume, publishes it by what it answered, and deletes it once it is not in use', async () => {
  const { volumeId, volumeContext } = await create();
  expect({ volumeId, volumeContext }).toEqual({
    volumeId: 'default/app',
    volumeContext: { namespace: 'default', projectedVolume: 'app' },
  });
  const targetPath = harness.target('app');
  await harness.client.node.nodePublishVolume({ volumeId, volumeContext, targetPath, volumeCapability: CAPABILITY });
  expect(readFileSync(`${targetPath}/password`, 'utf8')).toBe('1f2d1e2e67df');

  expect(await refusal(controller().deleteVolume({ volumeId }))).toBe(
    `failed-precondition: delete volume "default/app": it is published at "${targetPath}"; unpublish it first`,
  );
  await harness.client.node.nodeUnpublishVolume({ volumeId, targetPath });
  for (let round = 0; round < 3; round++) await controller().deleteVolume({ volumeId });
  expect(await objects()).toEqual([]);
});

describe('CreateVolume', () => {
  afterEach(async () => {
    for (const volumeId of await objects()) await controller().deleteVolume({ volumeId });
    expect(await objects()).toEqual([]);
  });

  it.each<[string, CreateVolumeRequest, string]>([
    ['no name', { name: '' }, 'name: is required'],
    ['a long name', { name: 'v'.repeat(129) }, 'name: must be no more than 128 bytes'],
    ['control characters', { name: 'a\nb' }, 'name: must not contain control characters'],
    ['no capabilities', { volumeCapabilities: [] }, 'volume_capabilities: are required'],
    ['no name and bad parameters', { name: '', parameters: { x: 'y' } }, 'name: is required'],
    [
      'block access',
      { volumeCapabilities: [CAPABILITY, BLOCK] },
      'volume_capabilities[1].block: is not supported: a volume is a directory of files; request mount',
    ],
    [
      'no parameters',
      { parameters: {} },
      'parameters: must have one of spec, secretName, configMapName, projectedVolume',
    ],
    [
      'two definitions',
      { parameters: { secretName: 'db', spec: '{}' } },
      'parameters: must have exactly one of spec, secretName, configMapName, projectedVolume; spec and secretName are there',
    ],
    [
      'an unknown parameter',
      { parameters: { secretname: 'db', configMapName: 'app' } },
      'parameters[secretname]: is not a known key; did you mean "secretName"?',
    ],
    [
      'a subPath',
      { parameters: { secretName: 'db', subPath: 'password' } },
      'parameters[subPath]: is not a known key; known are spec, secretName, configMapName, projectedVolume, items, defaultMode, user, group, optional, namespace',
    ],
    [
      'a fault inside the shorthand',
      { parameters: { secretName: 'db', items: '[{"key":"a","path":"../a"}]' } },
      "parameters[items][0].path: must not contain '..'",
    ],
    [
      'a bad namespace',
      { parameters: { secretName: 'db', namespace: 'No' } },
      'parameters[namespace]: must be a DNS-1123',
    ],
    [
      'a negative size',
      { capacityRange: { requiredBytes: -1 } },
      'capacity_range.required_bytes: must not be negative',
    ],
    [
      'a limit below the size',
      { capacityRange: { requiredBytes: 2, limitBytes: 1 } },
      'capacity_range.limit_bytes: must not be less than required_bytes',
    ],
    [
      'a clone',
      { volumeContentSource: { volume: { volumeId: 'other' } } },
      'volume_content_source: is not supported: there are no snapshots or clones',
    ],
    ['mutable parameters', { mutableParameters: { a: 'b' } }, 'mutable_parameters: are not supported'],
  ])('refuses %s', async (_name, changes, message) => {
    const answer = await refusal(create(changes));
    expect(answer.slice(0, message.length + 18)).toBe(`invalid-argument: ${message}`);
    expect(await objects()).toEqual([]);
  });

  it('names every fault at once', async () => {
    const answer = await refusal(create({ parameters: { bogus: '1' }, mutableParameters: { a: 'b' } }));
    for (const field of ['parameters[bogus]: ', 'parameters: must have one of', 'mutable_parameters: ']) {
      expect(answer).toContain(field);
    }
  });

  it('is the same volume again, however its parameters are written', async () => {
    const volume = await create({ capacityRange: { requiredBytes: 4096 } });
    expect(volume).toMatchObject({ volumeId: 'default/app', capacityBytes: 4096 });
    const same: CreateVolumeRequest[] = [
      { capacityRange: { requiredBytes: 4096 } },
      {},
      { capacityRange: { requiredBytes: 1024, limitBytes: 8192 } },
      { parameters: { spec: 'secret: {secretName: db, defaultMode: 0644}', namespace: 'default' } },
      { parameters: { secretName: 'db', 'csi.storage.k8s.io/pvc/name': 'claim' } },
      { volumeCapabilities: [{ mount: {}, accessMode: { mode: 'MULTI_NODE_READER_ONLY' } }] },
    ];
    for (const changes of same) expect(await create(changes)).toEqual(volume);
    expect(await objects()).toEqual(['default/app']);
  });

  it.each<[string, CreateVolumeRequest]>([
    ['contents', { parameters: { configMapName: 'db' } }],
    ['namespace', { parameters: { secretName: 'db', namespace: 'shop' } }],
    ['capacity', { capacityRange: { requiredBytes: 8192 } }],
    ['capacity', { capacityRange: { limitBytes: 1024 } }],
  ])('refuses the same name with another %s', async (what, changes) => {
    await create({ capacityRange: { requiredBytes: 4096 } });
    expect(await refusal(create(changes))).toBe(
      `already-exists: create volume "app": it exists as ProjectedVolume default/app, with different ${what}; delete it first or choose another name`,
    );
    expect(await objects()).toEqual(['default/app']);
  });

  it('makes one volume of many calls at once', async () => {
    const volumes = await Promise.all(Array.from({ length: 8 }, () => create()));
    expect(new Set(volumes.map(({ volumeId }) => volumeId))).toEqual(new Set(['default/app']));
    const mixed = await Promise.allSettled([
      create({ name: 'mixed' }),
      create({ name: 'mixed', parameters: { secretName: 'db', namespace: 'shop' } }),
    ]);
    expect(mixed.map((each) => each.status)).toEqual(['fulfilled', 'rejected']);
  });

  it('refuses what no pool could hold', async () => {
    expect(await refusal(create({ capacityRange: { requiredBytes: 8 * 1024 ** 2 + 1 } }))).toMatch(
      /^out-of-range: create volume "app": 8388609 bytes exceed a pool of 8388608; raise --pool-size/,
    );
  });

  it.each(['Ünïcode and spaces', 'a/b', 'v'.repeat(128), '..', 'default/app'])('takes the name "%s"', async (name) => {
    const { volumeId } = await create({ name });
    expect(Buffer.byteLength(volumeId)).toBeLessThanOrEqual(128);
    expect(await objects()).toEqual([volumeId]);
    expect((await create({ name })).volumeId).toBe(volumeId);
  });

  it('keeps nothing of the request’s secrets', async () => {
    await create({ secrets: { token: 'hunter2' } });
    const { object } = await harness.client.objects.get({
      ref: { kind: 'ProjectedVolume', namespace: 'default', name: 'app' },
      withData: true,
    });
    expect(JSON.stringify(object)).not.toContain('hunter2');
    expect(harness.logLines.join('')).not.toContain('hunter2');
  });

  describe('beside objects of others', () => {
    beforeEach(() => apply('bundle', { secret: { secretName: 'db', defaultMode: 0o400 } }));
    afterEach(() => remove('bundle'));

    it('does not take an object it did not make for a volume', async () => {
      expect(await refusal(create({ name: 'bundle' }))).toMatch(
        /^already-exists: create volume "bundle": ProjectedVolume default\/bundle exists and was not made by CreateVolume/,
      );
    });

    it('copies the spec of the one that the parameters name', async () => {
      await create({ parameters: { projectedVolume: 'bundle' } });
      await apply('bundle', { configMap: { name: 'other' } });
      const ref = { kind: 'ProjectedVolume', namespace: 'default', name: 'app' };
      const { object } = await harness.client.objects.get({ ref });
      expect(JSON.parse(object?.projectedVolume?.specJson ?? '')).toMatchObject({
        secret: { secretName: 'db', defaultMode: 0o400 },
      });
      expect((await create({ parameters: { projectedVolume: 'bundle' } })).volumeId).toBe('default/app');
      await controller().deleteVolume({ volumeId: 'default/app' });
    });

    it('leaves them where DeleteVolume names them', async () => {
      await controller().deleteVolume({ volumeId: 'default/bundle' });
      expect(await objects()).toEqual(['default/bundle']);
    });

    it.each(['MODE_UNSPECIFIED', 'REPLACE', 'MERGE'] as const)(
      'leaves a volume that somebody applied an object over (%s)',
      async (mode) => {
        await create();
        await apply('app', { configMap: { name: 'mine' } }, { mode });
        await controller().deleteVolume({ volumeId: 'default/app' });
        expect(await objects()).toEqual(['default/app', 'default/bundle']);
        await remove('app');
      },
    );
  });

  it('wants the object that its parameters name', async () => {
    expect(await refusal(create({ parameters: { projectedVolume: 'nobody' } }))).toBe(
      'failed-precondition: create volume "app": ProjectedVolume default/nobody, which the parameters name, does not exist; apply it first',
    );
  });
});

describe('DeleteVolume', () => {
  it.each(['unknown', 'default/unknown', 'a/b/c', '../etc', 'x'.repeat(300)])('is fine with "%s"', async (volumeId) => {
    expect(await controller().deleteVolume({ volumeId })).toEqual({});
  });

  it('refuses no id', async () => {
    expect(await refusal(controller().deleteVolume({}))).toBe('invalid-argument: volume_id: is required');
  });
});

describe('ValidateVolumeCapabilities', () => {
  const validate = (changes: ValidateVolumeCapabilitiesRequest = {}) =>
    controller().validateVolumeCapabilities({ volumeId: 'default/app', volumeCapabilities: [CAPABILITY], ...changes });

  beforeAll(() => create());
  afterAll(() => controller().deleteVolume({ volumeId: 'default/app' }));

  it('confirms what was asked', async () => {
    const asked = {
      volumeContext: { namespace: 'default', projectedVolume: 'app' },
      parameters: { secretName: 'db' },
      volumeCapabilities: [CAPABILITY],
    };
    expect(await validate(asked)).toMatchObject({ confirmed: asked, message: '' });
    expect(await validate()).toMatchObject({ confirmed: { volumeContext: {}, parameters: {} } });
  });

  it.each<[string, ValidateVolumeCapabilitiesRequest, string]>([
    ['capability', { volumeCapabilities: [BLOCK] }, 'volume_capabilities[0].block: is not supported'],
    ['context', { volumeContext: { projectedVolume: 'other' } }, 'volume_context[projectedVolume]: differs from'],
    ['contents', { parameters: { secretName: 'other' } }, 'parameters: differ from those the volume was created with'],
    ['namespace', { parameters: { secretName: 'db', namespace: 'shop' } }, 'parameters: differ from those'],
    ['faulty parameters', { parameters: { bogus: 'x' } }, 'parameters[bogus]: is not a known key'],
    ['mutable parameters', { mutableParameters: { a: 'b' } }, 'mutable_parameters: are not supported'],
  ])('does not confirm another %s, and says why', async (_name, changes, message) => {
    const answer = await validate(changes);
    expect(answer.confirmed).toBeNull();
    expect(answer.message.slice(0, message.length)).toBe(message);
  });

  it('knows a volume that somebody applied', async () => {
    await apply('bundle', { secret: { secretName: 'db' } });
    expect((await validate({ volumeId: 'default/bundle' })).confirmed).not.toBeNull();
    const claimed = await validate({ volumeId: 'default/bundle', parameters: { secretName: 'db' } });
    expect(claimed.message).toBe('parameters: differ from those the volume was created with');
    await remove('bundle');
  });

  it.each<[string, ValidateVolumeCapabilitiesRequest, string]>([
    ['an unknown volume', { volumeId: 'default/unknown' }, 'not-found: volume "default/unknown" does not exist'],
    ['a malformed id', { volumeId: 'unknown' }, 'not-found: volume "unknown" does not exist'],
    [
      'nothing',
      { volumeId: '', volumeCapabilities: [] },
      'invalid-argument: volume_id: is required; volume_capabilities: are required',
    ],
  ])('refuses %s', async (_name, changes, message) => {
    expect(await refusal(validate(changes))).toBe(message);
  });
});
