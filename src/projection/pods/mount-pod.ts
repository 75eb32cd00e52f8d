import { invalid, LanternError } from '../../base/errors.ts';
import type { Notice } from '../../payload/payload.ts';
import { uidNoticesOf } from '../../payload/render-inputs.ts';
import type { Pod } from '../../spec/pod/pod.ts';
import type { VolumeId } from '../../spec/volume-spec.ts';
import type { Source } from '../../stores/store.ts';
import { type ResolvedContainer, resolveContainer } from './containers.ts';
import { requireAccount, requireMountable, requireObjects, withTokenVolume } from './objects.ts';
import type { ContainerMount, MountedPod, PodRequest, PodUnmount } from './pods.ts';
import { type PlannedVolume, type PodDesk, publishAll } from './publications.ts';
import { withTokenOwner } from './readers.ts';
import { podVolumeStatus, podVolumes } from './status.ts';

/** Of all containers together: an object that a thousand containers name would be in the answer a thousand times. */
const MAX_ENVIRONMENTS_BYTES = 8 * 1024 * 1024;
const VARIABLE_BYTES = 64;

/**
 * Mounts a pod once, by: 1. asking whether its account exists and lets it have what it wants; 2. adding the token that
 * every container gets; 3. looking for all objects at once; 4. resolving what each container gets, which may fail while
 * nothing is mounted yet; 5. publishing the volumes, all or none.
 */
export async function mountPodOnce(
  request: PodRequest,
  desk: PodDesk & { readonly source: Source },
  signal: AbortSignal,
): Promise<MountedPod> {
  const { projector, source } = desk;
  const chosen = choose(request);
  const account = await requireAccount(request.pod, source, signal); // 1
  requireMountable(request.pod, account);
  const { pod, notices } = withTokenOwner(onlyUsed(withTokenVolume(chosen, account)), request, desk.giver); // 2
  await requireObjects(pod, source, signal); // 3
  const resolved: ResolvedContainer[] = []; // 4
  const isProjected = projectedNames(pod);
  let bytes = 0;
  for (const container of pod.containers) {
    if (resolved.length > 0) await desk.slices.next();
    const one = await resolveContainer(container, pod, { root: request.root, isProjected }, projector, signal);
    bytes += bytesOf(one);
    if (bytes > MAX_ENVIRONMENTS_BYTES) throw tooLarge();
    resolved.push(one);
  }
  const containers = resolved.map(({ container }) => container);
  const names = new Set(request.pod.containers.map(({ name }) => name));
  const chosenNames = new Set(pod.containers.map(({ name }) => name));
  const isReplaced = (container: string) => chosenNames.has(container) || !names.has(container);
  const reachable = await publishAll(planOf(pod, resolved), isReplaced, request, desk, signal); // 5
  const { namespace, facts } = pod;
  const { name, uid } = facts;
  const volumes = podVolumes(projector, { namespace, name }, request.root).map(podVolumeStatus);
  return {
    status: { namespace, name, uid, root: request.root, volumes },
    containers,
    notices: eachOnce([
      ...unsupported(pod),
      ...withoutUid(pod),
      ...notices,
      ...reachable,
      ...resolved.flatMap(({ notices }) => notices),
    ]),
  };
}

/** All variables of a container, with what a message adds to each. */
function bytesOf({ container }: ResolvedContainer): number {
  return container.environment.reduce((sum, { name, value }) => sum + name.length + value.length + VARIABLE_BYTES, 0);
}

function tooLarge(): LanternError {
  const most = `${MAX_ENVIRONMENTS_BYTES} bytes that an answer can hold`;
  const message = `the environments of the pod's containers have more than the ${most}; name single keys in env`;
  return new LanternError('resource-exhausted', message);
}

/** The pod with the containers that are asked for. */
function choose({ pod, containers: wanted }: PodRequest): Pod {
  const names = new Set(pod.containers.map(({ name }) => name));
  const unknown = wanted.filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw invalid([
      {
        field: 'containers',
        message: `the pod has no container ${unknown.map((name) => `"${name}"`).join(', ')}; there are ${[...names].join(', ')}`,
      },
    ]);
  }
  if (wanted.length === 0) return pod;
  const chosen = new Set(wanted);
  return { ...pod, containers: pod.containers.filter(({ name }) => chosen.has(name)) };
}

/** A volume that none of the containers mounts is not made. */
function onlyUsed(pod: Pod): Pod {
  const used = new Set(pod.containers.flatMap(({ mounts }) => mounts.map(({ volumeName }) => volumeName)));
  return { ...pod, volumes: pod.volumes.filter(({ name }) => used.has(name)) };
}

function projectedNames({ volumes }: Pod): ReadonlySet<string> {
  return new Set(volumes.flatMap(({ kind, name }) => (kind === 'projected' ? [name] : [])));
}

function planOf({ volumes }: Pod, resolved: readonly ResolvedContainer[]): readonly PlannedVolume[] {
  const mounts = new Map<string, ContainerMount[]>(volumes.map(({ name }) => [name, []]));
  for (const mount of resolved.flatMap(({ container }) => container.mounts)) mounts.get(mount.volumeName)?.push(mount);
  return volumes.flatMap((volume) => {
    if (volume.kind !== 'projected') return [];
    const { name, definition } = volume;
    return [{ name, definition, mounts: mounts.get(name) ?? [] }];
  });
}

function unsupported({ volumes }: Pod): readonly Notice[] {
  return volumes.flatMap((volume) => {
    if (volume.kind !== 'other') return [];
    const message = `the volume "${volume.name}" is of the type ${volume.type}, which Lantern does not make; it is left out`;
    return [{ reason: 'UnsupportedVolume', message }];
  });
}

function withoutUid({ volumes, facts }: Pod): readonly Notice[] {
  return volumes.flatMap((volume) => {
    return volume.kind === 'projected' && volume.definition.kind === 'inline'
      ? uidNoticesOf(volume.definition.spec, facts)
      : [];
  });
}

function eachOnce(notices: readonly Notice[]): readonly Notice[] {
  return [...new Map(notices.map((notice) => [`${notice.reason} ${notice.message}`, notice])).values()];
}

/**
 * Takes every volume of the pod away, then the directories that their targets were in, as far as they are empty. All is
 * known from the volumes' records, so it works after a restart too. A volume that fails does not keep the others; the
 * first failure is thrown at the end.
 */
export async function unmountPod(
  request: PodUnmount,
  { projector, directories, slices }: Pick<PodDesk, 'projector' | 'directories' | 'slices'>,
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { volumeId, podVolume, publications } of podVolumes(projector, request, request.root)) {
    await slices.next();
    try {
      // Ids of a pod's volumes were made by podVolumeId, or read back from a record.
      await projector.unpublish({ volumeId: volumeId as VolumeId, target: undefined }, signal);
      for (const { target } of publications) directories.removeAbove(podVolume.root, target);
    } catch (error) {
      failures.push(error);
    }
  }
  // A root that is left from before, with nothing in it.
  if (request.root !== undefined) directories.remove([request.root]);
  if (failures.length > 0) throw failures[0];
}
