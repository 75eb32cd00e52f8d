import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Notice } from './notice.ts';

/** A cluster gives every pod a uid; a manifest that never was in one has none, and what shows it is empty. */
const NOTICE: Notice = {
  reason: 'PodWithoutUid',
  message: 'metadata.uid is shown, but the pod has none: it is empty; write metadata.uid into the manifest',
};

/** For a volume that shows the uid of a pod. */
export function uidNoticesOf(spec: VolumeSpec, pod: PodFacts | undefined): readonly Notice[] {
  const shows = spec.sources.some(
    (source) =>
      source.kind === 'downwardAPI' &&
      source.items.some(({ value }) => value.kind === 'field' && value.field.kind === 'uid'),
  );
  return shows ? uidNotices(pod) : [];
}

/** Where the uid is shown. */
export function uidNotices(pod: PodFacts | undefined): readonly Notice[] {
  return pod?.uid === '' ? [NOTICE] : [];
}
