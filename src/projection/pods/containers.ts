import { isUtf8 } from 'node:buffer';
import { LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { type EnvVariable, expandVariables } from '../../payload/environment.ts';
import type { Notice } from '../../payload/payload.ts';
import type { RegistryCredential } from '../../payload/registry-credentials.ts';
import { parseImageReference } from '../../spec/image-reference.ts';
import type { Pod, PodContainer } from '../../spec/pod/pod.ts';
import type { VolumeMount } from '../../spec/pod/pod-volumes.ts';
import { parseSubPath, type RelativePath } from '../../spec/relative-path.ts';
import type { EnvironmentRequest, Projector } from '../projector.ts';
import type { ContainerMount, MountedContainer } from './pods.ts';

/** What a container gets, and what a user should know of it. */
export type ResolvedContainer = { readonly container: MountedContainer; readonly notices: readonly Notice[] };

/** Where a pod's mounts go, and which of its volumes are Lantern's to make. */
type Places = { readonly root: string; readonly isProjected: ReadonlySet<string> };

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
  return error instanceof LanternError ? error.within(part) : error;
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

/** PATH_MAX. */
const MOST_BYTES = 4096;

/**
 * The part of its volume that a mount shows. `invalid-argument` for an expression that names a variable the container
 * has not, or that comes out as no path inside the volume. `variables` are those whose values may be seen in paths.
 */
function subPathOf(
  { subPath, mountPath }: VolumeMount,
  variables: ReadonlyMap<string, Uint8Array>,
): RelativePath | undefined {
  if (subPath === undefined) return undefined;
  if (subPath.kind === 'path') return orThrow(parseSubPath(subPath.text, 'subPath'));
  const where = `the subPathExpr of "${mountPath}"`;
  const known = new Known(variables);
  // A character per byte: values of any bytes can be expanded.
  const expanded = expandVariables(Buffer.from(subPath.text).toString('latin1'), known, MOST_BYTES);
  if (known.missing.size > 0) {
    const names = [...known.missing].map((name) => `"${name}"`).join(', ');
    throw new LanternError(
      'invalid-argument',
      `${where}: it needs ${names}, which must be among the container's variables and not come from a Secret`,
    );
  }
  if (expanded === undefined) {
    throw new LanternError('invalid-argument', `${where}: it comes out longer than the ${MOST_BYTES} bytes of a path`);
  }
  const bytes = Buffer.from(expanded, 'latin1');
  if (!isUtf8(bytes)) throw new LanternError('invalid-argument', `${where}: what it comes out as is not UTF-8`);
  return orThrow(parseSubPath(bytes.toString(), where));
}

/**
 * The variables whose values may be seen in paths, and so in records and messages: those that come out the same when
 * nothing is known of any Secret.
 */
function openVariables(
  all: readonly EnvVariable[],
  withoutSecrets: readonly EnvVariable[],
): ReadonlyMap<string, Uint8Array> {
  const open = new Map(withoutSecrets.map(({ name, value }) => [name, value]));
  return new Map(
    all.flatMap(({ name, value }) => {
      const other = open.get(name);
      return other !== undefined && Buffer.compare(other, value) === 0 ? [[name, value]] : [];
    }),
  );
}

/** Notes what is asked for and not there, which `expandVariables` leaves as it is written. */
class Known extends Map<string, string> {
  readonly missing = new Set<string>();

  constructor(variables: ReadonlyMap<string, Uint8Array>) {
    super([...variables].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]));
  }

  override get(name: string): string | undefined {
    const value = super.get(name);
    if (value === undefined) this.missing.add(name);
    return value;
  }
}
