import type { LanternClient } from '../src/rpc/client.ts';
import { csi } from '../src/rpc/protos.ts';
import { NAMES } from './bare-calls.ts';
import { type WireCall, wireCall } from './caller.ts';

/** Three files of 2 KiB, which begin with a version. */
export const VALUE_BYTES = 2048;

export function secretValue(name: string, version = ''): Buffer {
  return Buffer.alloc(VALUE_BYTES, ' ').fill(`${version} ${name}`, 0, version.length + 1 + name.length);
}

/** Puts the Secret that the volumes of `publishCall` are of. */
export async function putSecret(client: LanternClient, version: string, namespace = ''): Promise<void> {
  const data = Object.fromEntries(NAMES.map((name) => [name, secretValue(name, version)]));
  await client.objects.apply({ object: { metadata: { name: 'db', namespace }, secret: { data } } });
}

export function publishCall(volumeId: string, targetPath: string, namespace = ''): WireCall {
  const place = namespace === '' ? {} : { 'csi.storage.k8s.io/pod.namespace': namespace };
  return wireCall(csi.Node.service.NodePublishVolume, {
    volumeId,
    targetPath,
    readonly: true,
    volumeCapability: { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' } },
    volumeContext: { secretName: 'db', ...place },
  });
}

export function unpublishCall(volumeId: string, targetPath: string): WireCall {
  return wireCall(csi.Node.service.NodeUnpublishVolume, { volumeId, targetPath });
}
