import type { Clock } from '../../base/clock.ts';
import { toLanternError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { Log } from '../../base/log.ts';
import type { Slices } from '../../base/steps.ts';
import type { Publisher } from '../../mount/publisher.ts';
import type { TargetDirectories } from '../../mount/targets/target-directories.ts';
import type { EventRecorder } from '../../objects/event.ts';
import type { Source } from '../../stores/store.ts';
import { whileObjectsAreMissing } from '../freshness/missing-objects.ts';
import type { Projector } from '../projector.ts';
import { mountPodOnce, unmountPod } from './mount-pod.ts';
import { podRefs } from './objects.ts';
import type { MountedPod, PodRequest, PodStatus, Pods, PodUnmount } from './pods.ts';
import { podStatuses } from './status.ts';

type PodStages = {
  readonly source: Source;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly slices: Slices;
  readonly publisher: Pick<Publisher, 'canChangeOwners'>;
};

/** Mounts pods by publishing their volumes one by one. All calls for one pod run one after the other. */
export class PodProjector implements Pods {
  readonly #projector: Projector;
  readonly #stages: PodStages;
  readonly #directories: TargetDirectories;
  readonly #locks = new KeyedLock();

  constructor(projector: Projector, stages: PodStages, directories: TargetDirectories) {
    this.#projector = projector;
    this.#stages = stages;
    this.#directories = directories;
  }

  async mount(given: PodRequest, signal: AbortSignal): Promise<MountedPod> {
    await this.#stages.source.ready(signal);
    const request = { ...given, root: cleanRoot(given.root) };
    try {
      return await (request.waitForObjects ? this.#mountWaiting(request, signal) : this.#mountOnce(request, signal));
    } catch (error) {
      // Whoever ended the call knows it; what a wait was for has been said.
      if (!signal.aborted) this.#say(request, 'mount', toLanternError(error, 'mount the pod').message);
      throw error;
    }
  }

  async #mountWaiting(request: PodRequest, signal: AbortSignal): Promise<MountedPod> {
    const { source, clock } = this.#stages;
    const refs = podRefs(request.pod).map(({ ref }) => ref);
    return await whileObjectsAreMissing(
      (follow) => {
        follow(refs);
        return this.#mountOnce(request, signal);
      },
      { source, clock, onMissing: (problem) => this.#say(request, 'waiting to mount', problem) },
      signal,
    );
  }

  async #mountOnce(request: PodRequest, signal: AbortSignal): Promise<MountedPod> {
    const { source, log, slices, publisher } = this.#stages;
    const { namespace, facts } = request.pod;
    const giver = { user: process.geteuid?.(), canChangeOwners: publisher.canChangeOwners };
    const desk = { projector: this.#projector, directories: this.#directories, source, log, slices, giver };
    return await this.#locks.run(lockOf(namespace, facts.name), signal, () => mountPodOnce(request, desk, signal));
  }

  async unmount(given: PodUnmount, signal: AbortSignal): Promise<void> {
    const request = { ...given, root: given.root === undefined ? undefined : cleanRoot(given.root) };
    const desk = { projector: this.#projector, directories: this.#directories, slices: this.#stages.slices };
    await this.#locks.run(lockOf(request.namespace, request.name), signal, () => unmountPod(request, desk, signal));
  }

  /** Takes every pod away, as `unmount` does; for the end of a daemon that leaves nothing. */
  async unmountAll(): Promise<void> {
    const { signal } = new AbortController();
    for (const { namespace, name, root } of this.list()) await this.unmount({ namespace, name, root }, signal);
  }

  list(): readonly PodStatus[] {
    return podStatuses(this.#projector);
  }

  #say({ pod, root }: PodRequest, what: string, problem: string): void {
    const { name, uid } = pod.facts;
    this.#stages.events.record({
      involved: { kind: 'Pod', namespace: pod.namespace, name, uid, fieldPath: '' },
      type: 'Warning',
      reason: 'FailedMount',
      message: `${what} the pod at "${root}": ${problem}`,
    });
  }
}

function lockOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** One text for one root: it is part of the volumes' ids. `..` is the target roots' to refuse. */
function cleanRoot(root: string): string {
  return `/${root
    .split('/')
    .filter((element) => element !== '' && element !== '.')
    .join('/')}`;
}
