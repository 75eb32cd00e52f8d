import { LanternError } from '../base/errors.ts';
import type { Pods } from '../projection/pods.ts';
import type { ProjectorMethods } from './services.ts';

/** Projector.MountPod, UnmountPod and ListPods. */
export function podMethods(_pods: Pods): Pick<ProjectorMethods, 'mountPod' | 'unmountPod' | 'listPods'> {
  const refuse = () => {
    throw new LanternError('unimplemented', 'pods');
  };
  return { mountPod: refuse, unmountPod: refuse, listPods: refuse };
}
