import { cutText } from '../../base/text.ts';
import type { RecordedEvent } from '../../projection/events/event-log.ts';
import type { VolumeStatus } from '../../projection/projector.ts';
import type { EventRow, Some, VolumeRow } from './messages.ts';

/** UTF-8 bytes; requests may contain longer ones. */
const MAX_NAME_BYTES = 320;
const MAX_REASON_BYTES = 1_024;
const MAX_PATH_BYTES = 512;
/** Of a volume, objects and targets each. */
const MAX_SHOWN = 20;

/** Without values, which a status does not have. `swaps` as of `Swaps`. */
export function volumeRow(status: VolumeStatus, swaps: readonly number[]): VolumeRow {
  const { state, generation, lastError, problemSince, mountedAt, updatedAt, pod, files, objects, publications } =
    status;
  return {
    id: status.volumeId,
    namespace: cutText(status.namespace, MAX_NAME_BYTES),
    state,
    reason: lastError && cutText(lastError, MAX_REASON_BYTES),
    since: problemSince,
    generation,
    mountedAt,
    updatedAt,
    pod: pod && cutText(pod.name, MAX_NAME_BYTES),
    files: files.length,
    objects: some(objects, ({ kind, name, revision }) => ({ kind, name, revision })),
    targets: some(publications, ({ target, subPath }) => {
      return cutText(subPath === undefined ? target : `${target} (${subPath})`, MAX_PATH_BYTES);
    }),
    swaps: swaps.filter((time) => mountedAt === undefined || time >= mountedAt),
  };
}

function some<T, U>(all: readonly T[], shown: (one: T) => U): Some<U> {
  return { items: all.slice(0, MAX_SHOWN).map(shown), more: Math.max(0, all.length - MAX_SHOWN) };
}

export function eventRow({ id, involved, type, reason, message, count, lastTime }: RecordedEvent): EventRow {
  const { kind, namespace, name } = involved;
  return { id, type, reason, kind, namespace, name, message, count, lastTime };
}
