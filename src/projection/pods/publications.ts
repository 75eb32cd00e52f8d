import { isDeepStrictEqual } from 'node:util';
import { DisposalStack } from '../../base/disposal-stack.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Slices } from '../../base/steps.ts';
import { isBelow } from '../../mount/targets/target.ts';
import type { TargetDirectories } from '../../mount/targets/target-directories.ts';
import type { Notice } from '../../payload/payload.ts';
import type { VolumeDefinition, VolumeId } from '../../spec/volume-spec.ts';
import type { Projector, PublishRequest } from '../projector.ts';
import { within } from './containers.ts';
import { PodDirectories } from './directories.ts';
import type { ContainerMount, PodRequest } from './pods.ts';
import type { FileGiver } from './readers.ts';
import { type PodName, type PodVolumeOf, podVolumeId, podVolumes } from './status.ts';

/** What pods are mounted with. */
export type PodDesk = {
  readonly projector: Projector;
  readonly directories: TargetDirectories;
  readonly log: Log;
  /** A pod may have thousands of mounts, each without a wait. */
  readonly slices: Slices;
  readonly giver: FileGiver;
};

/** One volume of a pod, and where it is to be seen. */
export type PlannedVolume = {
  readonly name: string;
  readonly definition: VolumeDefinition;
  readonly mounts: readonly ContainerMount[];
};

/** What a call has begun to take away does not stay half there because the call ends. */
const FOR_EVER = new AbortController().signal;

/**
 * Publishes all volumes, or none: after an error what was published before is as it was, and the rest is gone, with the
 * directories made for it. New volumes come first, since they fail most often, and their failure disturbs nothing. What
 * was mounted before and is not planned any more goes at the end, for containers that `isReplaced` says so of. Returns what
 * a user should know of the directories.
 */
export async function publishAll(
  volumes: readonly PlannedVolume[],
  isReplaced: (container: string) => boolean,
  request: PodRequest,
  desk: PodDesk,
  signal: AbortSignal,
): Promise<readonly Notice[]> {
  const { pod, root } = request;
  const mounted = podVolumes(desk.projector, podName(request), root);
  const before = new Map<string, PodVolumeOf>(mounted.map((volume) => [volume.volumeId, volume]));
  const planned = volumes.map((volume) => ({ ...volume, volumeId: podVolumeId(podName(request), root, volume.name) }));
  const directories = new PodDirectories(request, mounted, desk.directories, desk.giver);
  const undo = new DisposalStack();
  const attempt = { request, directories, undo, desk, signal };
  try {
    for (const volume of planned.filter(({ volumeId }) => !before.has(volumeId))) {
      await publishOne(volume, undefined, attempt);
    }
    for (const volume of planned) {
      const known = before.get(volume.volumeId);
      if (known !== undefined) await publishOne(volume, known, attempt);
    }
  } catch (error) {
    await takeBack(undo, `${pod.namespace}/${pod.facts.name}`, desk.log);
    throw error;
  }
  const targets = new Set(planned.flatMap(({ mounts }) => mounts.map(({ target }) => target)));
  for (const { volumeId, publications } of mounted) {
    for (const { target } of publications) {
      if (targets.has(target) || !isBelow(target, root) || !isReplaced(containerOf(target, root))) continue;
      await desk.slices.next();
      // Ids in the list of a pod's volumes were made here, or read back from a record.
      await desk.projector.unpublish({ volumeId: volumeId as VolumeId, target }, FOR_EVER);
      desk.directories.removeAbove(root, target);
    }
  }
  return directories.notices;
}

type NamedVolume = PlannedVolume & { readonly volumeId: VolumeId };

/** One try to publish all of a pod. */
type Attempt = {
  readonly request: PodRequest;
  readonly directories: PodDirectories;
  readonly undo: DisposalStack;
  readonly desk: PodDesk;
  readonly signal: AbortSignal;
};

async function publishOne(
  volume: NamedVolume,
  known: PodVolumeOf | undefined,
  { request, directories, undo, desk, signal }: Attempt,
): Promise<void> {
  const there = new Map(known?.publications.map((publication) => [publication.target, publication]));
  // A target that is there already takes new tokens; at a further one they would be those of another request.
  const mounts = [...volume.mounts].sort((a, b) => Number(there.has(b.target)) - Number(there.has(a.target)));
  for (const { target } of mounts) {
    await desk.slices.next();
    directories.prepare(target, undo);
  }
  const made = directories.madeFor([...mounts.map(({ target }) => target), ...there.keys()]);
  for (const [index, mount] of mounts.entries()) {
    await desk.slices.next();
    const wanted = publishRequest(volume, mount, made, request);
    try {
      await desk.projector.publish(wanted, signal);
    } catch (error) {
      throw within(`volume "${volume.name}"`, mount.subPath === undefined ? error : orMissing(error));
    }
    if (!there.has(mount.target)) {
      undo.defer(async () => {
        await desk.slices.next();
        await desk.projector.unpublish({ volumeId: volume.volumeId, target: mount.target }, FOR_EVER);
      });
    }
    if (index === 0 && known !== undefined) undo.defer(() => restore(known, wanted, desk));
  }
}

/** What is not in the volume may come with a key of its objects. */
function orMissing(error: unknown): unknown {
  if (!(error instanceof LanternError) || error.code !== 'not-found') return error;
  return new LanternError(error.code, error.message, { cause: error, reason: 'MISSING_OBJECTS' });
}

/** Gives a volume back what it held, where the call changed that. */
async function restore(before: PodVolumeOf, now: PublishRequest, { projector }: PodDesk): Promise<void> {
  const { definition, pod, publications } = before;
  const isSame = isDeepStrictEqual(definition, now.definition) && isDeepStrictEqual(pod, now.pod);
  const [publication] = publications;
  if (isSame || definition === undefined || publication === undefined) return;
  const { target, subPath } = publication;
  await projector.publish({ ...now, definition, pod, target, subPath }, FOR_EVER);
}

async function takeBack(undo: DisposalStack, pod: string, log: Log): Promise<void> {
  try {
    await undo[Symbol.asyncDispose]();
  } catch (error) {
    const { message } = toLanternError(error, 'take back what was mounted');
    log.error({ pod, problem: message }, 'a pod could not be mounted, and not all of it could be taken away again');
  }
}

function publishRequest(
  { name, volumeId, definition }: NamedVolume,
  { target, subPath }: ContainerMount,
  made: readonly string[],
  { pod, root, tokens }: PodRequest,
): PublishRequest {
  return {
    volumeId,
    namespace: pod.namespace,
    definition,
    target,
    subPath,
    accessMode: 'SINGLE_NODE_MULTI_WRITER',
    readonly: true,
    mountFlags: [],
    mountGroup: pod.fsGroup,
    pod: pod.facts,
    inputs: { data: new Map(), tokens },
    podVolume: { name, root, made },
    waitForObjects: false,
  };
}

function podName({ pod }: PodRequest): PodName {
  return { namespace: pod.namespace, name: pod.facts.name };
}

/** The first element below the root. */
function containerOf(target: string, root: string): string {
  return target.slice(root.length + 1).split('/', 1)[0] ?? '';
}
