import { type EventRecorder, involvedPod } from '../objects/event.ts';
import { resolveEnvironment as resolve } from '../payload/environment.ts';
import { resolveObjects } from '../sources/resolve-objects.ts';
import { environmentRefsOf } from '../spec/object-refs.ts';
import type { Environment, EnvironmentRequest } from './projector.ts';
import { refusalError } from './refusal-error.ts';
import type { Stages } from './stages.ts';

/**
 * Container → objects as they are now → variables. Throws as rendering a volume does. What is skipped, and what cannot be
 * resolved, is an event of the pod.
 */
export async function resolveEnvironment(
  request: EnvironmentRequest,
  {
    source,
    allocatable,
    recorder,
    environmentNames,
  }: Pick<Stages, 'source' | 'allocatable' | 'recorder' | 'environmentNames'>,
  signal: AbortSignal,
): Promise<Environment> {
  const objects = await resolveObjects(source, environmentRefsOf(request.container, request.namespace), signal);
  const resolved = resolve({ ...request, objects, allocatable, names: environmentNames });
  if (!resolved.ok) {
    const error = refusalError(resolved);
    // Reason and first word are the kubelet's, when it cannot configure a container.
    record(request, recorder, 'Failed', `Error: ${error.message}`);
    throw error;
  }
  for (const { reason, message } of resolved.notices) record(request, recorder, reason, message);
  return resolved;
}

/** Without a pod there is nobody that the event could be about; the caller has it in the answer. */
function record(
  { pod, namespace, container }: EnvironmentRequest,
  recorder: EventRecorder,
  reason: string,
  message: string,
): void {
  const involved = involvedPod(namespace, pod, container.name === '' ? '' : `spec.containers{${container.name}}`);
  if (involved !== undefined) recorder.record({ involved, type: 'Warning', reason, message });
}
