import type { Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { Log } from '../../base/log.ts';
import type { Slices } from '../../base/steps.ts';
import type { Publisher } from '../../mount/publisher.ts';
import type { TargetDirectories } from '../../mount/targets/target-directories.ts';
import { cleanPath } from '../../mount/targets/target-roots.ts';
import type { EventRecorder } from '../../objects/event.ts';
import type { Notice } from '../../payload/payload.ts';
import type { Pod } from '../../spec/pod/pod.ts';
import type { VolumeId } from '../../spec/volume-spec.ts';
import type { Source } from '../../stores/store.ts';
import { whileObjectsAreMissing } from '../freshness/freshness.ts';
import type { Projector } from '../projector.ts';
import { admitPod, podRefs } from './admission.ts';
import { resolveContainer } from './containers.ts';
import { podStatuses, podVolumeStatus, podVolumes } from './pod-volumes.ts';
import type { ContainerMount, MountedContainer, MountedPod, PodRequest, PodStatus, Pods, PodUnmount } from './pods.ts';
import { type PlannedVolume, PodPublications, type PublicationDependencies } from './publications.ts';

type PodDependencies = {
  readonly projector: Projector;
  readonly directories: TargetDirectories;
  readonly publisher: Pick<Publisher, 'canChangeOwners'>;
  readonly source: Source;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly slices: Slices;
};

/** Of all containers together: an object named by a thousand containers would be in the answer a thousand times. */
const MAX_ENVIRONMENTS_BYTES = 8 * 1024 * 1024;
/** Overhead of each variable in a message. */
const VARIABLE_BYTES = 64;

/** Mounts pods by publishing their volumes one by one. All calls for one pod run one after the other. */
export class PodProjector implements Pods {
  readonly #dependencies: PodDependencies & PublicationDependencies;
  readonly #locks = new KeyedLock();

  constructor(dependencies: PodDependencies) {
    const { canChangeOwners } = dependencies.publisher;
    this.#dependencies = { ...dependencies, giver: { user: process.geteuid?.(), canChangeOwners } };
  }

  async mount(given: PodRequest, signal: AbortSignal): Promise<MountedPod> {
    const { source, clock } = this.#dependencies;
    await source.ready(signal);
    // The root is part of the volumes' ids, so it must have one spelling. `..` is refused by the target roots.
    const request = { ...given, root: cleanPath(given.root) };
    const attempt = () => this.#exclusively(given.pod, signal, () => this.#mount(request, signal));
    try {
      if (!request.waitForObjects) return await attempt();
      const refs = podRefs(request.pod);
      const onMissing = (problem: string) => this.#report(request, 'waiting to mount', problem);
      return await whileObjectsAreMissing(
        (follow) => {
          follow(refs);
          return attempt();
        },
        { source, clock, onMissing },
        signal,
      );
    } catch (error) {
      // The caller that ended the call knows, and a wait has reported its reason.
      if (!signal.aborted) this.#report(request, 'mount', toLanternError(error, 'mount the pod').message);
      throw error;
    }
  }

  /** 1. Admit the pod. 2. Resolve the containers while nothing is mounted yet. 3. Publish all volumes or none. */
  async #mount(request: PodRequest, signal: AbortSignal): Promise<MountedPod> {
    const { projector, slices } = this.#dependencies;
    const { root } = request;
    const { pod, projected, notices: ofPod } = await admitPod(request, this.#dependencies, signal); // 1
    const { namespace, facts } = pod;
    const { name, uid } = facts;
    const containers: MountedContainer[] = []; // 2
    const ofContainers: Notice[] = [];
    let bytes = 0;
    for (const each of pod.containers) {
      if (containers.length > 0) await slices.next();
      const { container, notices } = await resolveContainer(each, pod, { root, projected }, projector, signal);
      for (const variable of container.environment) {
        bytes += variable.name.length + variable.value.length + VARIABLE_BYTES;
      }
      if (bytes > MAX_ENVIRONMENTS_BYTES) throw tooLarge();
      containers.push(container);
      ofContainers.push(...notices);
    }
    // A call for some containers leaves the mounts of the others.
    const others = new Set<string>();
    for (const container of request.pod.containers) others.add(container.name);
    for (const container of containers) others.delete(container.name);
    const publications = new PodPublications(request, this.#dependencies, signal); // 3
    const ofDirectories = await publications.publishAll(planOf(pod, containers), others);
    const volumes = podVolumes(projector, { namespace, name }, root).map(podVolumeStatus);
    return {
      status: { namespace, name, uid, root, volumes },
      containers,
      notices: eachOnce([...ofPod, ...ofDirectories, ...ofContainers]),
    };
  }

  async unmount(given: PodUnmount, signal: AbortSignal): Promise<void> {
    const { namespace, name, root } = given;
    const pod = { namespace, facts: { name } };
    await this.#exclusively(pod, signal, () => this.#unmount(given, root && cleanPath(root), signal));
  }

  /** Unmounts the pod's recorded volumes, then removes their empty directories. Throws the first failure at the end. */
  async #unmount(pod: PodUnmount, root: string | undefined, signal: AbortSignal): Promise<void> {
    const { projector, directories, slices } = this.#dependencies;
    const failures: unknown[] = [];
    for (const { volumeId, podVolume, publications } of podVolumes(projector, pod, root)) {
      await slices.next();
      try {
        // Ids of a pod's volumes were made by podVolumeId, or read back from a record.
        await projector.unpublish({ volumeId: volumeId as VolumeId, target: undefined }, signal);
        for (const { target } of publications) directories.removeAbove(podVolume.root, target);
      } catch (error) {
        failures.push(error);
      }
    }
    // An empty root may be left from an earlier call.
    if (root !== undefined) directories.remove([root]);
    if (failures.length > 0) throw failures[0];
  }

  async unmountAll(): Promise<void> {
    const { signal } = new AbortController();
    for (const { namespace, name, root } of this.list()) await this.unmount({ namespace, name, root }, signal);
  }

  list(): readonly PodStatus[] {
    return podStatuses(this.#dependencies.projector);
  }

  #exclusively<T>(
    { namespace, facts }: { readonly namespace: string; readonly facts: { readonly name: string } },
    signal: AbortSignal,
    action: () => Promise<T>,
  ): Promise<T> {
    return this.#locks.run(`${namespace}/${facts.name}`, signal, action);
  }

  #report({ pod, root }: PodRequest, what: string, problem: string): void {
    const { name, uid } = pod.facts;
    this.#dependencies.events.record({
      involved: { kind: 'Pod', namespace: pod.namespace, name, uid, fieldPath: '' },
      type: 'Warning',
      reason: 'FailedMount',
      message: `${what} the pod at "${root}": ${problem}`,
    });
  }
}

function tooLarge(): LanternError {
  const message = `the environments of the pod's containers have more than the ${MAX_ENVIRONMENTS_BYTES} bytes that an answer can hold; name single keys in env`;
  return new LanternError('resource-exhausted', message);
}

/** Each projected volume with its mounts in all containers. */
function planOf({ volumes }: Pod, containers: readonly MountedContainer[]): readonly PlannedVolume[] {
  const plan = new Map<string, PlannedVolume & { readonly mounts: ContainerMount[] }>();
  for (const volume of volumes) {
    if (volume.kind === 'projected') plan.set(volume.name, { ...volume, mounts: [] });
  }
  for (const { mounts } of containers) for (const mount of mounts) plan.get(mount.volumeName)?.mounts.push(mount);
  return [...plan.values()];
}

function eachOnce(notices: readonly Notice[]): readonly Notice[] {
  const unique = new Map<string, Notice>();
  for (const notice of notices) unique.set(`${notice.reason} ${notice.message}`, notice);
  return [...unique.values()];
}
