import * as z from 'zod';
import { hasCode, LanternError } from '../../base/errors.ts';
import { faulty, mapKey, type Parsed, parseBy, parsed } from '../../base/parsed.ts';
import { mapOf } from '../../base/schemas.ts';
import { cutText } from '../../base/text.ts';
import type { VolumeUsage } from '../../mount/publisher.ts';
import { parseBoundedJson } from '../../objects/bounded-json.ts';
import { parseDataKey, parseNamespace } from '../../objects/names.ts';
import type { HeldToken } from '../../payload/payload.ts';
import type { Projector, PublishRequest, VolumeStatus } from '../../projection/projector.ts';
import type { PodFacts } from '../../spec/pod-facts.ts';
import { parseSubPath } from '../../spec/relative-path.ts';
import { parseVolumeId } from '../../spec/volume-spec.ts';
import type { NodePublishVolumeRequest__Output as WirePublishRequest } from '../generated/csi/v1/NodePublishVolumeRequest.ts';
import type { VolumeCondition } from '../generated/csi/v1/VolumeCondition.ts';
import type { VolumeUsage as WireUsage } from '../generated/csi/v1/VolumeUsage.ts';
import { TOKENS_LIMITS } from '../limits.ts';
import { parseTarget, Reading, requestKey } from '../reading.ts';
import type { NodeMethods } from '../services.ts';
import { kubernetesFaults } from './host-kubernetes.ts';
import {
  DEFINITION_KEYS,
  HOST_KEYS,
  isHostKey,
  parseDefinition,
  readCapability,
  readTextMap,
} from './volume-fields.ts';

type NodeOptions = {
  readonly projector: Projector;
  readonly nodeId: string;
  /** If true, files can be given to a group, so VOLUME_MOUNT_GROUP is advertised. */
  readonly canChangeOwners: boolean;
  /** With `kubernetes`, a publish must prove that it comes from the kubelet of the pod. */
  readonly host: 'generic' | 'kubernetes';
};

/** csi.v1.Node, without staging. */
export function nodeService({ projector, nodeId, canChangeOwners, host }: NodeOptions): NodeMethods {
  return {
    async nodePublishVolume(request, signal) {
      // Everything that `readPublish` depends on, except for what this process never changes.
      const key = projector.isMounted(request.volumeId) ? requestKey('NodePublishVolume', request) : undefined;
      if (key !== undefined && projector.republish(request.volumeId, key) !== undefined) return {};
      await projector.publish(readPublish(request, host, key), signal);
      return {};
    },

    async nodeUnpublishVolume({ volumeId, targetPath }, signal) {
      requirePresent({ volume_id: volumeId, target_path: targetPath });
      const id = parseVolumeId(volumeId);
      // Publish refuses this id or target, so it was never published. A kubelet would repeat a failed call for ever.
      if (!id.ok) return {};
      await projector.unpublish({ volumeId: id.value, target: targetPath }, signal).catch((error: unknown) => {
        if (!hasCode(error, 'invalid-argument')) throw error;
      });
      return {};
    },

    nodeGetVolumeStats({ volumeId, volumePath }) {
      requirePresent({ volume_id: volumeId, volume_path: volumePath });
      const usage = projector.usage(volumeId, volumePath);
      const status = projector.get(volumeId);
      if (status === undefined) throw new LanternError('not-found', `volume "${volumeId}" is not published here`);
      return { usage: volumeUsagesOf(usage), volumeCondition: volumeConditionOf(status) };
    },

    nodeGetCapabilities: () => {
      const always = ['GET_VOLUME_STATS', 'VOLUME_CONDITION', 'SINGLE_NODE_MULTI_WRITER'] as const;
      const types = canChangeOwners ? ([...always, 'VOLUME_MOUNT_GROUP'] as const) : always;
      return { capabilities: types.map((type) => ({ rpc: { type } })) };
    },

    nodeGetInfo: () => ({ nodeId }),
  };
}

function requirePresent(fields: Readonly<Record<string, string>>): void {
  const reading = new Reading();
  for (const [field, value] of Object.entries(fields)) if (value === '') reading.refuse(field, 'is required');
  if (!reading.isGood) throw reading.error();
}

const CONTEXT = 'volume_context';
const CONTEXT_KEYS = [...DEFINITION_KEYS, 'subPath', 'namespace'];

/** Throws `invalid-argument` with all faults. None contains a value of `secrets`, or a token wherever it is. */
export function readPublish(
  request: WirePublishRequest,
  host: NodeOptions['host'],
  requestKey?: string,
): PublishRequest {
  const reading = new Reading();
  const volumeId = reading.take(parseVolumeId(request.volumeId));
  const target = reading.take(parseTarget(request.targetPath));
  const hasSubPath = Object.hasOwn(request.volumeContext, 'subPath');
  const capability = readCapability(reading, request.volumeCapability, hasSubPath);
  // CSI requires that missing fields are reported before faults in volume_context.
  if (request.volumeId === '' || request.targetPath === '' || request.volumeCapability === null) throw reading.error();

  if (host === 'kubernetes') reading.note(kubernetesFaults(request));
  const context = readTextMap(reading, CONTEXT, request.volumeContext, CONTEXT_KEYS);
  if (context === undefined) throw reading.error();
  const secrets = new Map(Object.entries(request.secrets));
  const data = readData(reading, secrets);
  const tokens = reading.take(parseTokens(secrets, context));
  const definition = reading.take(parseDefinition(context, CONTEXT, data.size > 0 ? 'given' : 'missing'));
  // The host's namespace takes precedence over the author's.
  const namespaceKey = context.has(HOST_KEYS.podNamespace) ? HOST_KEYS.podNamespace : 'namespace';
  const namespace = reading.take(parseNamespace(context.get(namespaceKey) ?? 'default', mapKey(CONTEXT, namespaceKey)));
  const subPathText = context.get('subPath');
  const subPath =
    subPathText === undefined ? undefined : reading.take(parseSubPath(subPathText, mapKey(CONTEXT, 'subPath')));
  if (!volumeId || !target || !capability || !tokens || !definition || !namespace || !reading.isGood) {
    throw reading.error();
  }
  // Each field by its name: two spreads would take as long as all else here.
  return {
    accessMode: capability.accessMode,
    mountFlags: capability.mountFlags,
    mountGroup: capability.mountGroup,
    volumeId,
    target,
    namespace,
    definition,
    subPath,
    pod: podOf(context),
    inputs: { data, tokens },
    readonly: request.readonly,
    podVolume: undefined,
    waitForObjects: false,
    requestKey,
  };
}

/** Omits the host's keys. The others become file names, so an object's rules apply. */
function readData(reading: Reading, secrets: ReadonlyMap<string, string>): ReadonlyMap<string, Uint8Array> {
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of secrets) {
    if (isHostKey(key)) continue;
    reading.take(parseDataKey(key, `secrets[${key}]`));
    data.set(key, Buffer.from(value));
  }
  return data;
}

const TOKENS = mapOf<HeldToken>((value) =>
  parseBy(z.object({ token: z.string().min(1), expirationTimestamp: z.string() }), value),
);

/**
 * By audience. Newer kubelets put tokens into `secrets`, older ones into volume_context. The fault names only the
 * place, because any part of the text may be a token.
 */
function parseTokens(
  secrets: ReadonlyMap<string, string>,
  context: ReadonlyMap<string, string>,
): Parsed<ReadonlyMap<string, HeldToken>> {
  const fromSecrets = secrets.get(HOST_KEYS.tokens);
  const text = fromSecrets ?? context.get(HOST_KEYS.tokens);
  if (text === undefined) return parsed(new Map());
  const json = parseBoundedJson(text, TOKENS_LIMITS);
  const tokens = json.ok ? parseBy(TOKENS, json.value) : json;
  if (tokens.ok) return tokens;
  const message = 'must be JSON of the form {"<audience>": {"token": "…", "expirationTimestamp": "…"}}';
  return faulty([{ field: mapKey(fromSecrets === undefined ? CONTEXT : 'secrets', HOST_KEYS.tokens), message }]);
}

function podOf(context: ReadonlyMap<string, string>): PodFacts | undefined {
  const name = context.get(HOST_KEYS.podName);
  const uid = context.get(HOST_KEYS.podUid);
  const serviceAccountName = context.get(HOST_KEYS.serviceAccountName);
  if (name === undefined && uid === undefined && serviceAccountName === undefined) return undefined;
  return {
    name: name ?? '',
    uid: uid ?? '',
    serviceAccountName: serviceAccountName ?? '',
    labels: new Map(),
    annotations: new Map(),
    containers: [],
  };
}

/** `available` is never negative. */
export function volumeUsagesOf(usage: VolumeUsage): WireUsage[] {
  return [
    { unit: 'BYTES', ...amounts(usage.totalBytes, usage.usedBytes) },
    { unit: 'INODES', ...amounts(usage.totalInodes, usage.usedInodes) },
  ];
}

function amounts(total: number, used: number) {
  return { total, used, available: Math.max(0, total - used) };
}

/** CSI's limit for VolumeCondition.message. */
const MAX_MESSAGE_BYTES = 128;

/** Abnormal unless the contents are at the newest known revisions. CSI requires a message. */
export function volumeConditionOf({ state, lastError }: VolumeStatus): VolumeCondition {
  if (state === 'ready') return { abnormal: false, message: 'ready: the contents are up to date' };
  return { abnormal: true, message: cutText(lastError ? `${state}: ${lastError}` : state, MAX_MESSAGE_BYTES) };
}
