import type { VolumeStatus } from '../projection/projector.ts';
import type { VolumeEvent } from '../projection/volume-events.ts';
import type { RecordedPublication } from '../volume/record.ts';
import type { TreeEntry } from '../volume/tree.ts';
import type { Publication as WirePublication } from './generated/lantern/v1/Publication.ts';
import type { TreeEntry as WireTreeEntry } from './generated/lantern/v1/TreeEntry.ts';
import type { Volume as WireVolume } from './generated/lantern/v1/Volume.ts';
import type { VolumeEvent as WireEvent } from './generated/lantern/v1/VolumeEvent.ts';
import { definitionToWire } from './spec-messages.ts';

export const STATES = { ready: 'READY', stale: 'STALE', degraded: 'DEGRADED' } as const;

export function volumeToWire(status: VolumeStatus): WireVolume {
  return {
    volumeId: status.volumeId,
    namespace: status.namespace,
    state: STATES[status.state],
    generation: status.generation ?? '',
    ...(status.definition && { definition: definitionToWire(status.definition) }),
    files: [...status.files],
    publications: status.publications.map(publicationToWire),
    lastError: status.lastError ?? '',
    problemSince: timestamp(status.problemSince),
    updatedAt: timestamp(status.updatedAt),
    staleSince: timestamp(status.staleSince),
    objects: status.objects.map(({ kind, name, revision }) => ({
      kind,
      name,
      resourceVersion: revision === undefined ? '' : String(revision),
    })),
    ...(status.mountGroup !== undefined && { mountGroup: status.mountGroup }),
    ...(status.pod !== undefined && {
      pod: { name: status.pod.name, uid: status.pod.uid, rootPath: status.podVolume?.root ?? '' },
    }),
  };
}

function timestamp(time: number | undefined): string {
  return time === undefined ? '' : new Date(time).toISOString();
}

export function publicationToWire({ target, subPath, pinnedGeneration }: RecordedPublication): WirePublication {
  return { targetPath: target, subPath: subPath ?? '', pinnedGeneration: pinnedGeneration ?? '' };
}

/** What one more volume takes to be encoded, as if it were bytes: a page of 3 MiB of small ones would hold other calls for 100 ms. */
const LEAST_WEIGHT = 8_192;

/** About how many bytes the message takes, but no fewer than `LEAST_WEIGHT`, for cutting pages. */
export function weightOfVolume(status: VolumeStatus): number {
  const files = status.files.reduce((sum, { path }) => sum + Buffer.byteLength(path) + 48, 0);
  const publications = status.publications.reduce((sum, { target }) => sum + Buffer.byteLength(target) + 96, 0);
  const bytes = 1024 + 2 * files + publications + Buffer.byteLength(status.lastError ?? '');
  return Math.max(bytes, LEAST_WEIGHT);
}

export function eventToWire(event: VolumeEvent): WireEvent {
  const head = { volumeId: event.volumeId, namespace: event.namespace, time: new Date(event.time).toISOString() };
  switch (event.type) {
    case 'mounted':
      return { ...head, type: 'MOUNTED', targetPath: event.target };
    case 'unmounted':
      return { ...head, type: 'UNMOUNTED', targetPath: event.target };
    case 'updated':
      return {
        ...head,
        type: 'UPDATED',
        oldGeneration: event.oldGeneration ?? '',
        newGeneration: event.newGeneration,
        changedPaths: [...event.changedPaths],
        propagationMs: event.propagationMs ?? 0,
      };
    case 'recovered':
      return { ...head, type: 'RECOVERED', message: event.message };
    case 'update-skipped':
      return { ...head, type: 'UPDATE_SKIPPED', targetPath: event.target, message: event.message };
    case 'failed':
      return { ...head, type: 'FAILED', reason: event.reason, message: event.message };
    case 'warning':
      return { ...head, type: 'WARNING', reason: event.reason, message: event.message };
  }
}

const ENTRY_TYPES = { file: 'FILE', directory: 'DIRECTORY', symlink: 'SYMLINK' } as const;

export function treeEntryToWire(entry: TreeEntry): WireTreeEntry {
  return {
    path: entry.path,
    type: ENTRY_TYPES[entry.type],
    mode: entry.mode,
    size: entry.size,
    user: entry.user,
    group: entry.group,
    linkTarget: entry.linkTarget ?? '',
    ...(entry.contents && { contents: entry.contents }),
  };
}
