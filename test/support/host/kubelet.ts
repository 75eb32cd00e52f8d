import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { type ErrorCode, LanternError } from '../../../src/base/errors.ts';
import { connect, type LanternClient } from '../../../src/rpc/client.ts';
import { inlineVolumeId } from '../../../src/rpc/csi/host-kubernetes.ts';
import type { NodePublishVolumeRequest } from '../../../src/rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { NodeServiceCapability__Output as Capability } from '../../../src/rpc/generated/csi/v1/NodeServiceCapability.ts';

const PREFIX = 'csi.storage.k8s.io/';

/** A pod with one inline CSI volume. */
export type InlineVolume = {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly volumeName: string;
  /** The pod author's `volumeAttributes`. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly fsGroup?: number;
  /** From the pod's manifest; Kubernetes' default is false. */
  readonly readOnly?: boolean;
  /** The data of the Secret that `nodePublishSecretRef` names. */
  readonly secretData?: Readonly<Record<string, string>>;
};

export type Tokens = Readonly<Record<string, { readonly token: string; readonly expirationTimestamp: string }>>;

/** After any other error the kubelet takes the volume for not published, and cleans up. */
const UNCERTAIN: readonly ErrorCode[] = [
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
];

/** The capabilities of every daemon. */
const ALWAYS: readonly string[] = ['SINGLE_NODE_MULTI_WRITER'];

/** Where tokens are put: newer kubelets can use `secrets`, older ones know volume_context only. */
export type TokensIn = 'secrets' | 'volumeContext';

/**
 * Does what a kubelet does for inline volumes, by its sources (pkg/volume/csi): the paths, the keys, the order of
 * calls, and a new connection for each of them.
 */
export class Kubelet {
  readonly #csiSocket: string;
  readonly #root: string;
  readonly #tokensIn: TokensIn;

  /** `root` stands for /var/lib/kubelet. */
  constructor(csiSocket: string, root: string, tokensIn: TokensIn = 'secrets') {
    this.#csiSocket = csiSocket;
    this.#root = root;
    this.#tokensIn = tokensIn;
  }

  targetOf(volume: InlineVolume): string {
    return `${this.#directoryOf(volume)}/mount`;
  }

  /** SetUp: for a new pod, and again with every sync, since the CSIDriver says requiresRepublish. */
  async publish(volume: InlineVolume, tokens: Tokens = {}): Promise<void> {
    mkdirSync(this.#directoryOf(volume), { recursive: true, mode: 0o750 });
    writeFileSync(`${this.#directoryOf(volume)}/vol_data.json`, '{}');
    // Once for the mount group, once for the access mode.
    await this.#capabilities();
    const capabilities = (await this.#capabilities()).flatMap(({ rpc }) => rpc?.type ?? []);
    try {
      await this.send(this.requestOf(volume, tokens, capabilities));
    } catch (error) {
      if (error instanceof LanternError && !UNCERTAIN.includes(error.code)) this.#giveUp(volume);
      throw error;
    }
  }

  /** Without `tokens` it is that of a CSIDriver that requests none. */
  requestOf(volume: InlineVolume, tokens?: Tokens, capabilities = ALWAYS) {
    const { namespace, podName, podUid, volumeName, attributes, fsGroup, readOnly = false, secretData = {} } = volume;
    const text = tokens && { [`${PREFIX}serviceAccount.tokens`]: JSON.stringify(tokens) };
    const group = capabilities.includes('VOLUME_MOUNT_GROUP') ? fsGroup : undefined;
    return {
      volumeId: inlineVolumeId(podUid, volumeName),
      targetPath: this.targetOf(volume),
      volumeCapability: {
        mount: { fsType: '', mountFlags: [], volumeMountGroup: group === undefined ? '' : String(group) },
        accessMode: {
          mode: capabilities.includes('SINGLE_NODE_MULTI_WRITER') ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER',
        },
      },
      readonly: readOnly,
      secrets: { ...secretData, ...(this.#tokensIn === 'secrets' && text) } as Record<string, string>,
      volumeContext: {
        ...attributes,
        [`${PREFIX}pod.name`]: podName,
        [`${PREFIX}pod.namespace`]: namespace,
        [`${PREFIX}pod.uid`]: podUid,
        [`${PREFIX}serviceAccount.name`]: 'default',
        [`${PREFIX}ephemeral`]: 'true',
        ...(this.#tokensIn === 'volumeContext' && text),
      } as Record<string, string>,
    } satisfies NodePublishVolumeRequest;
  }

  async send(request: NodePublishVolumeRequest): Promise<void> {
    await this.#call(({ node }) => node.nodePublishVolume(request));
  }

  /** TearDown, and what the kubelet removes afterwards: a target that is still there fails it. */
  async unpublish(volume: InlineVolume): Promise<void> {
    const { volumeId, targetPath } = this.requestOf(volume);
    await this.#call(({ node }) => node.nodeUnpublishVolume({ volumeId, targetPath }));
    this.#removeDirectory(volume);
  }

  /** After a publish that failed for good. What is still mounted, or not empty, stays. */
  #giveUp(volume: InlineVolume): void {
    const target = this.targetOf(volume);
    if (existsSync(target) && readdirSync(target).length > 0) return;
    if (existsSync(target)) rmdirSync(target);
    this.#removeDirectory(volume);
  }

  #removeDirectory(volume: InlineVolume): void {
    rmSync(`${this.#directoryOf(volume)}/vol_data.json`, { force: true });
    rmdirSync(this.#directoryOf(volume));
  }

  /** Bytes used, as for the kubelet's summary. */
  async usedBytes(volume: InlineVolume): Promise<number | undefined> {
    const { volumeId, targetPath } = this.requestOf(volume);
    const stats = await this.#call(({ node }) => node.nodeGetVolumeStats({ volumeId, volumePath: targetPath }));
    return stats.usage.find(({ unit }) => unit === 'BYTES')?.used;
  }

  #directoryOf({ podUid, volumeName }: InlineVolume): string {
    return `${this.#root}/pods/${podUid}/volumes/kubernetes.io~csi/${volumeName}`;
  }

  async #capabilities(): Promise<Capability[]> {
    return (await this.#call(({ node }) => node.nodeGetCapabilities({}))).capabilities;
  }

  async #call<T>(action: (client: LanternClient) => Promise<T>): Promise<T> {
    using client = connect(this.#csiSocket);
    return await action(client);
  }
}
