import { hasCode } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { KindName } from '../kinds.ts';
import { wireToJson } from '../output/structured.ts';
import { fetchObjects } from './fetch-objects.ts';
import { followVolumes } from './list-volumes.ts';
import { toManifests } from './manifest-text.ts';
import type { ObjectChanges } from './object-changes.ts';

/** Something to wait for. */
export type WaitSubject = {
  /** For example `secret/db`. */
  readonly name: string;
  /** For example `secrets/db`, as errors name it. */
  readonly plural: string;
  /** Yields it as JSON, undefined if it does not exist, at once and whenever it may have changed. */
  readonly states: (signal: AbortSignal) => AsyncGenerator<unknown, void>;
};

type Place = { readonly kind: KindName; readonly namespace: string; readonly name: string };

export function waitForObject(
  daemon: LanternClient,
  place: Place,
  { withData, changes }: { readonly withData: boolean; readonly changes: ObjectChanges },
): WaitSubject {
  const { kind, name } = place;
  return {
    name: `${kind.singular}/${name}`,
    plural: `${kind.plural}/${name}`,
    async *states(signal) {
      for await (const _ of changes.of(name, signal)) {
        const objects = (await existing(fetchObjects(daemon, { ...place, withData }, signal))) ?? [];
        yield (await toManifests(objects, withData))[0];
      }
    },
  };
}

/** As `lantern volume -o json` shows it. Waits for a daemon that restarts, and calls `onAway` then. */
export function waitForVolume(daemon: LanternClient, volumeId: string, onAway: () => void): WaitSubject {
  return {
    name: `volume/${volumeId}`,
    plural: `volumes/${volumeId}`,
    states(signal) {
      return followVolumes(daemon, () => statesOfVolume(daemon, volumeId, signal), { signal, onAway });
    },
  };
}

async function* statesOfVolume(
  daemon: LanternClient,
  volumeId: string,
  signal: AbortSignal,
): AsyncGenerator<unknown, void> {
  const events = daemon.projector.watchVolumes({ volumeId, includeExisting: true }, { signal });
  const reader = events[Symbol.asyncIterator]();
  for (let next = reader.next(); ; next = reader.next()) {
    // It is awaited below. The watch begins before the volume is read, so that no change is missed.
    next.catch(() => {});
    const answer = await existing(daemon.projector.getVolume({ volumeId }, { signal }));
    // It is gone as soon as it is nowhere mounted.
    yield answer?.volume?.publications.length ? wireToJson(answer.volume) : undefined;
    if ((await next).done) return;
  }
}

async function existing<T>(answer: Promise<T>): Promise<T | undefined> {
  return await answer.catch((error: unknown) => {
    if (hasCode(error, 'not-found')) return undefined;
    throw error;
  });
}
