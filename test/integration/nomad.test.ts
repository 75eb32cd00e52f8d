import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type LanternClient } from '../../src/rpc/client.ts';
import type { Volume__Output as Volume } from '../../src/rpc/generated/csi/v1/Volume.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

/** A `volume` block of a job. */
type Usage = { readonly readOnly: boolean; readonly accessMode: 'multi-node-reader-only' | 'single-node-writer' };

const MODES = {
  'multi-node-reader-only': 'MULTI_NODE_READER_ONLY',
  'single-node-writer': 'SINGLE_NODE_WRITER',
} as const;

const READER: Usage = { readOnly: true, accessMode: 'multi-node-reader-only' };

/**
 * Does what a Nomad client does, by its sources (client/pluginmanager/csimanager, plugins/csi): the order of calls, the
 * paths, and the `:authority` that Go's gRPC makes of a socket's path. A connection for each call.
 */
class Nomad {
  readonly #socket: string;
  /** The plugin's `stage_publish_base_dir`. */
  readonly #base: string;

  constructor(socket: string, base: string) {
    this.#socket = socket;
    this.#base = base;
  }

  /** Before a plugin counts as healthy; again twice a minute. */
  async fingerprint() {
    const { ready } = await this.#call(({ identity }) => identity.probe({}));
    const plugin = await this.#call(({ identity }) => identity.getPluginCapabilities({}));
    const { nodeId } = await this.#call(({ node }) => node.nodeGetInfo({}));
    const { capabilities } = await this.#call(({ node }) => node.nodeGetCapabilities({}));
    return {
      // Without a value a plugin counts as healthy.
      isHealthy: ready?.value ?? true,
      nodeId,
      needsController: plugin.capabilities.some(({ service }) => service?.type === 'CONTROLLER_SERVICE'),
      needsStaging: capabilities.some(({ rpc }) => rpc?.type === 'STAGE_UNSTAGE_VOLUME'),
    };
  }

  /** `nomad volume create`: the answer's id and context are what later calls carry. */
  async create(name: string, parameters: Readonly<Record<string, string>>, usage: Usage): Promise<Volume> {
    const request = { name, parameters, volumeCapabilities: [capabilityOf(usage)], capacityRange: {} };
    const { volume } = await this.#call(({ controller }) => controller.createVolume(request));
    if (volume === null) throw new Error('no volume in the answer');
    return volume;
  }

  /** `nomad volume register` of a volume that exists. */
  async validate({ volumeId, volumeContext }: Volume, usage: Usage): Promise<boolean> {
    const request = { volumeId, volumeContext, volumeCapabilities: [capabilityOf(usage)] };
    const answer = await this.#call(({ controller }) => controller.validateVolumeCapabilities(request));
    return answer.confirmed !== null;
  }

  targetOf(alloc: string, { readOnly, accessMode }: Usage): string {
    return `${this.#base}/per-alloc/${alloc}/db/${readOnly ? 'ro' : 'rw'}-file-system-${accessMode}`;
  }

  /** Makes the directory above the target, not the target. Does not publish again what is mounted. */
  async mount({ volumeId, volumeContext }: Volume, alloc: string, usage: Usage): Promise<string> {
    const targetPath = this.targetOf(alloc, usage);
    mkdirSync(dirname(targetPath), { recursive: true, mode: 0o700 });
    if (mountsBelow(targetPath).length > 0) return targetPath;
    const request = { volumeId, volumeContext, targetPath, stagingTargetPath: '', readonly: usage.readOnly };
    await this.#call(({ node }) => node.nodePublishVolume({ ...request, volumeCapability: capabilityOf(usage) }));
    return targetPath;
  }

  /** Also removes a target that the plugin left, and fails if that is not empty. */
  async unmount({ volumeId }: Volume, alloc: string, usage: Usage): Promise<void> {
    const targetPath = this.targetOf(alloc, usage);
    await this.#call(({ node }) => node.nodeUnpublishVolume({ volumeId, targetPath }));
    if (existsSync(targetPath)) rmdirSync(targetPath);
  }

  async delete({ volumeId }: Volume): Promise<void> {
    await this.#call(({ controller }) => controller.deleteVolume({ volumeId }));
  }

  async #call<T>(action: (client: LanternClient) => Promise<T>): Promise<T> {
    using client = connect(this.#socket, { authority: encodeURIComponent(this.#socket) });
    return await action(client);
  }
}

function capabilityOf({ accessMode }: Usage): VolumeCapability {
  return { mount: { fsType: '', mountFlags: [] }, accessMode: { mode: MODES[accessMode] } };
}

let harness: DaemonHarness;
let nomad: Nomad;

beforeAll(async () => {
  harness = await DaemonHarness.start({ store: 'embedded' });
  await harness.applySecret('db', { password: 'first' });
  nomad = new Nomad(`${harness.runDirectory}/csi/csi.sock`, harness.directory.at('targets'));
});

afterAll(() => harness[Symbol.asyncDispose]());

it('a Nomad client finds a healthy plugin that needs a controller and no staging', async () => {
  expect(await nomad.fingerprint()).toEqual({
    isHealthy: true,
    nodeId: 'test-node',
    needsController: true,
    needsStaging: false,
  });
});

describe('a volume', () => {
  it('serves two allocations on a node, through an update and restarts, until the last is gone', async () => {
    const volume = await nomad.create('db', { secretName: 'db', defaultMode: '0400' }, READER);
    expect(await nomad.validate(volume, READER)).toBe(true);
    const [first, second] = [
      await nomad.mount(volume, 'alloc-1', READER),
      await nomad.mount(volume, 'alloc-2', READER),
    ];
    expect(readFileSync(`${first}/password`, 'utf8')).toBe('first');
    expect(statSync(`${first}/password`).mode & 0o777).toBe(0o400);

    await harness.applySecret('db', { password: 'second' });
    expect(readFileSync(`${second}/password`, 'utf8')).toBe('second');

    // An agent that starts again looks for its mounts, a plugin that starts again takes them over.
    const mounts = mountsBelow(first);
    await harness.restart();
    expect(await nomad.mount(volume, 'alloc-1', READER)).toBe(first);
    expect(mountsBelow(first)).toEqual(mounts);
    await harness.applySecret('db', { password: 'third' });
    expect(readFileSync(`${first}/password`, 'utf8')).toBe('third');

    await nomad.unmount(volume, 'alloc-1', READER);
    expect([existsSync(first), readFileSync(`${second}/password`, 'utf8')]).toEqual([false, 'third']);
    await nomad.unmount(volume, 'alloc-2', READER);
    // The clean-up of an allocation is repeated until it succeeds.
    await nomad.unmount(volume, 'alloc-2', READER);
    expect([existsSync(second), mountsBelow(harness.directory.at('targets'))]).toEqual([false, []]);
    await nomad.delete(volume);
    expect((await rejectionOf(nomad.validate(volume, READER))).code).toBe('not-found');
  });

  it('of one writer is refused to a second allocation, which leaves nothing', async () => {
    const usage: Usage = { readOnly: false, accessMode: 'single-node-writer' };
    const volume = await nomad.create('db', { secretName: 'db' }, usage);
    const first = await nomad.mount(volume, 'alloc-1', usage);
    // Nomad does not repeat this one.
    expect((await rejectionOf(nomad.mount(volume, 'alloc-2', usage))).code).toBe('failed-precondition');
    const second = nomad.targetOf('alloc-2', usage);
    expect([existsSync(second), readFileSync(`${first}/password`, 'utf8')]).toEqual([false, 'third']);
    await nomad.unmount(volume, 'alloc-2', usage);
    await nomad.unmount(volume, 'alloc-1', usage);
    await nomad.delete(volume);
  });
});
