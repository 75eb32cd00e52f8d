import { buildPayload } from '../../src/payload/build-payload.ts';
import type { Payload, PayloadFile } from '../../src/payload/payload.ts';
import type { RelativePath } from '../../src/spec/relative-path.ts';
import { parseVolumeId, type VolumeId } from '../../src/spec/volume-id.ts';
import type { RecordedPublication, VolumeRecord } from '../../src/volume/record.ts';
import { relativePath, volumeSpec } from './builders.ts';

export type ContentFile = string | (Partial<Omit<PayloadFile, 'bytes'>> & { readonly text: string });

/** A payload by path: text with mode 0644, or text with attributes. */
export function payloadOf(files: Readonly<Record<string, ContentFile>>, mountGroup?: number): Payload {
  const entries = Object.entries(files).map(([path, file]): [RelativePath, PayloadFile] => {
    const { text, ...attributes } = typeof file === 'string' ? { text: file } : file;
    return [
      relativePath(path),
      { bytes: Buffer.from(text), mode: 0o644, user: undefined, group: undefined, ...attributes },
    ];
  });
  return buildPayload(new Map(entries), mountGroup);
}

export function volumeId(text: string): VolumeId {
  const id = parseVolumeId(text);
  if (!id.ok) throw new Error(`not a volume id: ${text}`);
  return id.value;
}

export function recordOf(id: VolumeId, publications: readonly Partial<RecordedPublication>[]): VolumeRecord {
  return {
    volumeId: id,
    namespace: 'default',
    definition: { kind: 'inline', spec: volumeSpec([]) },
    mountGroup: undefined,
    pod: undefined,
    podVolume: undefined,
    publications: publications.map((publication) => ({
      target: '',
      subPath: undefined,
      pinnedGeneration: undefined,
      accessMode: 'SINGLE_NODE_WRITER',
      readonly: true,
      mountFlags: [],
      ...publication,
    })),
    storeId: 'store',
    objects: new Map(),
  };
}
