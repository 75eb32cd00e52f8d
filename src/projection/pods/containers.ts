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

type ResolvedContainer = { readonly container: MountedContainer; readonly notices: readonly Notice[] };

/** Resolves variables, credentials and targets of one container, without mounting. Errors name the container. */
export async function resolveContainer(
  { name, image, isInit, env, mounts }: PodContainer,
  pod: Pod,
  { root, projected }: { readonly root: string; readonly projected: ReadonlySet<string> },
  projector: Projector,
  signal: AbortSignal,
): Promise<ResolvedContainer> {
  const request = { namespace: pod.namespace, container: env, pod: pod.facts, placement: pod.placement };
  try {
    const { variables, notices } = await projector.resolveEnvironment(request, signal);
    const login = await resolveLogin(image, pod, projector, signal);
    const placed: ContainerMount[] = [];
    let inPaths: ReadonlyMap<string, Uint8Array> | undefined;
    for (const { volumeName, mountPath, subPath } of mounts) {
      if (!projected.has(volumeName)) continue;
      if (subPath?.kind === 'expression') inPaths ??= await variablesInPaths(variables, request, projector, signal);
      const path = subPath && resolveSubPath(subPath, mountPath, inPaths);
      placed.push({ volumeName, mountPath, target: `${root}/${name}${mountPath}`, subPath: path });
    }
    return {
      container: { name, image, isInit, environment: variables, credentials: login.credentials, mounts: placed },
      notices: [...notices, ...login.notices],
    };
  } catch (error) {
    throw error instanceof LanternError ? error.within(`container "${name}"`) : error;
  }
}

/** Variables that may appear in paths, and so in records and messages: those that are the same without any Secret. */
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
  const withoutSecrets = new Map(open.variables.map(({ name, value }) => [name, value]));
  return new Map(
    variables.flatMap(({ name, value }) => {
      const other = withoutSecrets.get(name);
      return other !== undefined && Buffer.compare(other, value) === 0 ? [[name, value]] : [];
    }),
  );
}

/** An invalid image name prevents pulling the image, as in Kubernetes, but not mounting the volumes. */
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
const MAX_PATH_BYTES = 4096;

/** `variables` may be used in paths. `invalid-argument` for an unknown one, or a result that leaves the volume. */
function resolveSubPath(
  subPath: NonNullable<VolumeMount['subPath']>,
  mountPath: string,
  variables: ReadonlyMap<string, Uint8Array> = new Map(),
): RelativePath {
  if (subPath.kind === 'path') return orThrow(parseSubPath(subPath.text, 'subPath'));
  const where = `the subPathExpr of "${mountPath}"`;
  const known = new KnownVariables(variables);
  // One character per byte, so that values of any bytes can be expanded.
  const expanded = expandVariables(Buffer.from(subPath.text).toString('latin1'), known, MAX_PATH_BYTES);
  if (known.missing.size > 0) {
    const names = [...known.missing].map((name) => `"${name}"`).join(', ');
    throw new LanternError(
      'invalid-argument',
      `${where}: it needs ${names}, which must be among the container's variables and not come from a Secret`,
    );
  }
  if (expanded === undefined) {
    throw new LanternError('invalid-argument', `${where}: its result exceeds the ${MAX_PATH_BYTES} bytes of a path`);
  }
  const bytes = Buffer.from(expanded, 'latin1');
  if (!isUtf8(bytes)) throw new LanternError('invalid-argument', `${where}: its result is not UTF-8`);
  return orThrow(parseSubPath(bytes.toString(), where));
}

/** Notes missing names, which `expandVariables` leaves in the text. */
class KnownVariables extends Map<string, string> {
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
