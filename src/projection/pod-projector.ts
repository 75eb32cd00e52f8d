import { LanternError } from '../base/errors.ts';
import type { MountedPod, PodRequest, PodStatus, Pods, PodUnmount } from './pods.ts';
import type { Projector } from './projector.ts';
import type { Stages } from './stages.ts';

/** Mounts pods by publishing their volumes one by one. */
export class PodProjector implements Pods {
  readonly #projector: Projector;
  readonly #stages: Stages;

  constructor(projector: Projector, stages: Stages) {
    this.#projector = projector;
    this.#stages = stages;
  }

  async mount(_request: PodRequest, _signal: AbortSignal): Promise<MountedPod> {
    throw new LanternError('unimplemented', `mount a pod in ${this.#stages.isolation}`);
  }

  async unmount(_request: PodUnmount, _signal: AbortSignal): Promise<void> {
    throw new LanternError('unimplemented', 'unmount a pod');
  }

  list(): readonly PodStatus[] {
    this.#projector.list();
    return [];
  }
}
