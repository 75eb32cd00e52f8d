import { faulty, isFields, type Parsed } from '../../base/parsed.ts';
import type { VolumeSource } from '../../rpc/generated/lantern/v1/VolumeSource.ts';
import { volumeSourceToWire } from '../../rpc/lantern/projector-messages.ts';
import { parseVolumeSource } from '../../spec/parse-volume-source.ts';
import type { VolumeSpec } from '../../spec/volume-spec.ts';
import { readDocument } from '../objects/manifests.ts';
import type { Terminal } from '../terminal.ts';
import { type PodFile, parsePodFile } from './pod-file.ts';

/** Reads a volume source (`secret: {…}`), or an entry of a pod's `.spec.volumes[]` with its name. */
export async function readVolumeSource(file: string, terminal: Terminal): Promise<VolumeSource> {
  const spec = await readDocument(file, terminal, (document): Parsed<VolumeSpec> => {
    return isFields(document) && 'apiVersion' in document ? faulty([IS_MANIFEST]) : parseVolumeSource(document, '');
  });
  return volumeSourceToWire(spec);
}

const IS_MANIFEST = {
  field: '',
  message:
    'must be a volume source such as "secret: {secretName: mysecret}", not a manifest; ' +
    'apply the manifest, and mount its object by name',
};

export function readPodFile(file: string, terminal: Terminal): Promise<PodFile> {
  return readDocument(file, terminal, parsePodFile);
}
