import { resolveEnvironment as resolve } from '../payload/environment.ts';
import { resolveObjects } from '../sources/resolve-objects.ts';
import { environmentRefsOf } from '../spec/object-refs.ts';
import type { Environment, EnvironmentRequest } from './projector.ts';
import { refusalError } from './refusal-error.ts';
import type { Stages } from './stages.ts';

/** Container → objects as they are now → variables. Throws as rendering a volume does. */
export async function resolveEnvironment(
  request: EnvironmentRequest,
  { source, allocatable }: Pick<Stages, 'source' | 'allocatable'>,
  signal: AbortSignal,
): Promise<Environment> {
  const objects = await resolveObjects(source, environmentRefsOf(request.container, request.namespace), signal);
  const resolved = resolve({ ...request, objects, allocatable });
  if (!resolved.ok) throw refusalError(resolved);
  return resolved;
}
