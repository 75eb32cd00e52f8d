import { LanternError } from '../base/errors.ts';
import type { EnvVariable } from '../payload/environment.ts';
import type { Notice } from '../payload/notice.ts';
import type { RegistryCredential } from '../payload/registry-credentials.ts';
import { parseImageReference } from '../spec/image-reference.ts';
import type { Pod, PodContainer } from '../spec/pod.ts';
import { openVariables, subPathOf } from './pod-sub-path.ts';
import type { ContainerMount, MountedContainer } from './pods.ts';
import type { EnvironmentRequest, Projector } from './projector.ts';

/** What a container gets, and what a user should know of it. */
export type ResolvedContainer = { readonly container: MountedContainer; readonly notices: readonly Notice[] };

/** Where a pod's mounts go, and which of its volumes are Lantern's to make. */
export type Places = { readonly root: string; readonly isProjected: ReadonlySet<string> };

/** Variables, credentials and places of one container; nothing is mounted yet. Errors name the container. */
export async function resolveContainer(
  { name, image, isInit, env, mounts }: PodContainer,
  pod: Pod,
  { root, isProjected }: Places,
  projector: Projector,
  signal: AbortSignal,
): Promise<ResolvedContainer> {
  const request = { namespace: pod.namespace, container: env, pod: pod.facts, placement: pod.placement };
  try {
    const { variables, notices } = await projector.resolveEnvironment(request, signal);
    const isExpanding = mounts.some(({ subPath }) => subPath?.kind === 'expression');
    const inPaths = isExpanding ? await variablesInPaths(variables, request, projector, signal) : new Map();
    const login = await resolveLogin(image, pod, projector, signal);
    const placed = mounts.flatMap((mount): ContainerMount[] => {
      const { volumeName, mountPath } = mount;
      if (!isProjected.has(volumeName)) return [];
      return [{ volumeName, mountPath, target: `${root}/${name}${mountPath}`, subPath: subPathOf(mount, inPaths) }];
    });
    return {
      container: { name, image, isInit, environment: variables, credentials: login.credentials, mounts: placed },
      notices: [...notices, ...login.notices],
    };
  } catch (error) {
    throw within(`container "${name}"`, error);
  }
}

/** The error as one of a part of the pod. */
export function within(part: string, error: unknown): unknown {
  if (!(error instanceof LanternError)) return error;
  const { code, message, faults, reason } = error;
  return new LanternError(code, `${part}: ${message}`, { cause: error, faults, ...(reason && { reason }) });
}

/** See `openVariables`. */
async function variablesInPaths(
  variables: readonly EnvVariable[],
  request: EnvironmentRequest,
  projector: Projector,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { container } = request;
  const envFrom = container.envFrom.filter(({ kind }) => kind !== 'Secret');
  const env = container.env.filter(({ value }) => value.kind !== 'key' || value.object !== 'Secret');
  const open = await projector.resolveEnvironment({ ...request, container: { ...container, envFrom, env } }, signal);
  return openVariables(variables, open.variables);
}

/** A name that is none keeps the image from being pulled, as in Kubernetes, and not the volumes from being mounted. */
async function resolveLogin(
  text: string,
  { namespace, imagePullSecrets, facts: pod }: Pod,
  projector: Projector,
  signal: AbortSignal,
): Promise<{ readonly credentials: readonly RegistryCredential[]; readonly notices: readonly Notice[] }> {
  if (text === '') return { credentials: [], notices: [] };
  const image = parseImageReference(text, 'image');
  if (image.ok) {
    const { serviceAccountName } = pod;
    const request = { namespace, pod, image: image.value, imagePullSecrets, serviceAccountName };
    return await projector.resolveCredentials(request, signal);
  }
  const why = image.faults.map(({ message }) => message).join('; ');
  return { credentials: [], notices: [{ reason: 'InvalidImageName', message: `the image "${text}" ${why}` }] };
}
