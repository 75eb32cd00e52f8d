import { LanternError } from '../base/errors.ts';
import type { ObjectRef } from '../objects/object.ts';
import { requireAgreement } from './agreement.ts';
import { announceUpdate, eventHead } from './announce-update.ts';
import type { VolumeEvents } from './events/volume-events.ts';
import type { Leftovers } from './leftovers.ts';
import { LiveVolume, NO_PROVENANCE, type VolumeRegistry, type Wanted } from './live-volume.ts';
import { lookAtVolume } from './look-at-volume.ts';
import { type Projection, type ProjectionTarget, projectVolume } from './project-volume.ts';
import type { PublishRequest, UpdateRequest } from './projector.ts';
import type { Refresher } from './refresher.ts';
import type { Stages } from './stages.ts';

/** What publishing works with, besides the stages. */
export type Desk = {
  readonly registry: VolumeRegistry;
  readonly refresher: Refresher;
  readonly events: VolumeEvents;
  readonly leftovers: Leftovers;
};

/**
 * Publishes once, under the volume's lock. A first publish that fails leaves nothing behind; a failing repeat leaves
 * what is mounted as it was. `onRefs` is told which objects matter, so that a caller may wait for them.
 */
export async function publishOnce(
  asked: PublishRequest,
  stages: Stages,
  desk: Desk,
  onRefs: (refs: readonly ObjectRef[]) => void,
  signal: AbortSignal,
): Promise<LiveVolume> {
  const key = desk.registry.keyOf(asked.volumeId);
  return await desk.registry.exclusively(key, signal, async () => {
    const known = desk.registry.get(key);
    const request = known ? { ...asked, target: known.knownTarget(asked.target, stages.publisher) } : asked;
    if (known === undefined) await desk.leftovers.clear(key);
    else requireAgreement(known, request);
    const domain = stages.isolation === 'volume' ? request.volumeId : request.namespace;
    // The volume's place is made only when there is something to put there.
    const place: { volume: LiveVolume | undefined } = { volume: known };
    const target: ProjectionTarget = {
      write: (payload) => {
        place.volume ??= new LiveVolume(stages.publisher.open(request.volumeId, domain), undefined);
        return place.volume.hosted.write(payload);
      },
      follow: (refs) => {
        onRefs(refs);
        followBoth(key, known, refs, desk);
      },
      provenance: known?.provenance ?? NO_PROVENANCE,
      tokens: known?.tokens ?? new Map(),
    };
    const before = known?.wanted;
    try {
      if (known !== undefined) await lookAtVolume(known, stages, desk.events);
      const projection = await projectVolume(request, target, stages, signal);
      const volume = place.volume;
      if (volume === undefined)
        throw new LanternError('internal', `publish volume "${request.volumeId}": nothing was written`);
      accept(volume, wantedOf(request), projection, stages, desk);
      await mount(volume, request, stages, desk);
      desk.registry.add(volume);
      return volume;
    } catch (error) {
      if (known === undefined) {
        desk.refresher.forget(key);
        if (place.volume !== undefined) await desk.leftovers.discard(place.volume.hosted);
      } else {
        goBack(known, before, stages, desk);
      }
      throw error;
    }
  });
}

/** Until the outcome is known, what the volume depends on now and what it may depend on next. */
function followBoth(key: string, known: LiveVolume | undefined, refs: readonly ObjectRef[], desk: Desk): void {
  desk.refresher.follow(key, [...(known?.refs ?? []), ...refs]);
}

/** Replaces what a live volume holds. `not-found` for an unknown one. */
export async function updateOnce(
  request: UpdateRequest,
  stages: Stages,
  desk: Desk,
  signal: AbortSignal,
): Promise<LiveVolume> {
  const key = desk.registry.keyOf(request.volumeId);
  return await desk.registry.exclusively(key, signal, async () => {
    const volume = desk.registry.get(key);
    if (volume?.wanted === undefined) {
      throw new LanternError(
        'not-found',
        `update volume "${request.volumeId}": it is not mounted here; mount it first`,
      );
    }
    const { wanted } = volume;
    const next: Wanted = {
      ...wanted,
      definition: request.definition ?? wanted.definition,
      inputs: { ...wanted.inputs, data: request.data ?? wanted.inputs.data },
    };
    const target = {
      write: volume.hosted.write.bind(volume.hosted),
      follow: (refs: readonly ObjectRef[]) => followBoth(key, volume, refs, desk),
      provenance: volume.provenance,
      tokens: volume.tokens,
    };
    try {
      accept(volume, next, await projectVolume(next, target, stages, signal), stages, desk);
      volume.save();
      return volume;
    } catch (error) {
      goBack(volume, wanted, stages, desk);
      throw error;
    }
  });
}

/**
 * What the volume held before a failed request comes back by a refresh, should the failure have come after the write.
 * A volume that was degraded has nothing to go back to, and keeps what it was given.
 */
function goBack(volume: LiveVolume, before: Wanted | undefined, stages: Stages, desk: Desk): void {
  const key = volume.hosted.directoryName;
  const wasAccepted = volume.wanted !== before;
  volume.wanted = before ?? volume.wanted;
  desk.refresher.follow(key, volume.refs);
  desk.refresher.request(key);
  if (!wasAccepted) return;
  try {
    volume.save();
  } catch (error) {
    stages.log.error({ volume: volume.name, error }, 'the record of a volume could not be written back');
  }
}

/** The projection succeeded: from now on this is what the volume shall hold. */
function accept(volume: LiveVolume, wanted: Wanted, projection: Projection, stages: Stages, desk: Desk): void {
  const isFirst = volume.publications.size === 0;
  volume.wanted = wanted;
  desk.refresher.adopt(volume, projection);
  const time = stages.clock.now();
  if (projection.outcome.changed && !isFirst) {
    announceUpdate(volume, projection, { time, cause: 'request', propagationMs: undefined }, desk.events);
  } else {
    for (const notice of projection.notices)
      desk.events.emit({ ...eventHead(volume, time), type: 'warning', ...notice });
  }
}

/**
 * Makes the volume visible at the request's target. The record is there before the mount, and knows it: a crash between
 * loses nothing. What is pinned is the publisher's to say: a mount that was there already keeps its own generation.
 */
async function mount(volume: LiveVolume, request: PublishRequest, stages: Stages, desk: Desk): Promise<void> {
  const { target, subPath, accessMode, readonly, mountFlags } = request;
  const published = volume.publications.get(target);
  const wasAssumed = volume.assumed.delete(target);
  try {
    await volume.hosted.publish(target, subPath, mountFlags, (shown) => {
      volume.publications.set(target, { target, subPath, ...shown, accessMode, readonly, mountFlags });
      volume.save();
    });
  } catch (error) {
    if (wasAssumed) volume.assumed.add(target);
    if (published !== undefined) volume.publications.set(target, published);
    else volume.publications.delete(target);
    throw error;
  }
  if (published !== undefined) return;
  desk.events.emit({ ...eventHead(volume, stages.clock.now()), type: 'mounted', target });
}

function wantedOf(request: PublishRequest): Wanted {
  const { volumeId, namespace, definition, mountGroup, pod, inputs, podVolume } = request;
  return { volumeId, namespace, definition, mountGroup, pod, inputs, podVolume };
}
