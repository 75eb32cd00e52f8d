import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DisposalStack } from '../../base/disposal-stack.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Slices } from '../../base/steps.ts';
import {
  type DirectoryAccess,
  directoriesTo,
  type Openness,
  type TargetDirectories,
} from '../../mount/targets/target-directories.ts';
import { isBelow } from '../../mount/targets/target-roots.ts';
import type { Notice } from '../../payload/payload.ts';
import type { VolumeDefinition, VolumeId } from '../../spec/volume-spec.ts';
import { USUAL_ACCESS } from '../../volume/record.ts';
import type { Projector, PublishRequest } from '../projector.ts';
import type { FileGiver } from './admission.ts';
import { type PodVolume, podVolumeId, podVolumes } from './pod-volumes.ts';
import type { ContainerMount, PodRequest } from './pods.ts';

export type PublicationDependencies = {
  readonly projector: Projector;
  readonly directories: TargetDirectories;
  readonly log: Log;
  /** A pod may have thousands of mounts, each without a wait. */
  readonly slices: Slices;
  readonly giver: FileGiver;
};

export type PlannedVolume = {
  readonly name: string;
  readonly definition: VolumeDefinition;
  readonly mounts: readonly ContainerMount[];
};

/** A removal that has begun is finished even if the call ends. */
const FOREVER = new AbortController().signal;

export class PodPublications {
  readonly #request: PodRequest;
  readonly #dependencies: PublicationDependencies;
  readonly #signal: AbortSignal;
  /** The pod's volumes before the call, by id. */
  readonly #before = new Map<string, PodVolume>();
  readonly #directories: PodDirectories;
  readonly #undo = new DisposalStack();

  constructor(request: PodRequest, dependencies: PublicationDependencies, signal: AbortSignal) {
    this.#request = request;
    this.#dependencies = dependencies;
    this.#signal = signal;
    const { namespace, facts } = request.pod;
    const made: string[] = [];
    for (const volume of podVolumes(dependencies.projector, { namespace, name: facts.name }, request.root)) {
      this.#before.set(volume.volumeId, volume);
      made.push(...(volume.podVolume.made ?? []));
    }
    this.#directories = new PodDirectories(request, made, dependencies.directories, dependencies.giver);
  }

  /**
   * Publishes all volumes, or none: an error restores what was published before, and removes the rest with its
   * directories. New volumes come first: they fail most often, and disturb nothing. At the end, unplanned mounts are
   * removed, except in `others`, the containers outside of the call. Returns notices about directories.
   */
  async publishAll(volumes: readonly PlannedVolume[], others: ReadonlySet<string>): Promise<readonly Notice[]> {
    const { pod, root } = this.#request;
    const name = { namespace: pod.namespace, name: pod.facts.name };
    const targets = new Set<string>();
    const known: (readonly [PlannedVolume, VolumeId, PodVolume])[] = [];
    try {
      for (const volume of volumes) {
        const id = podVolumeId(name, root, volume.name);
        const before = this.#before.get(id);
        if (before === undefined) await this.#publish(volume, id, undefined);
        else known.push([volume, id, before]);
        for (const { target } of volume.mounts) targets.add(target);
      }
      for (const [volume, id, before] of known) await this.#publish(volume, id, before);
    } catch (error) {
      await this.#takeBack();
      throw error;
    }
    for (const { volumeId, publications } of this.#before.values()) {
      for (const { target } of publications) {
        if (targets.has(target) || !isBelow(target, root) || others.has(containerOf(target, root))) continue;
        await this.#remove(volumeId, target);
      }
    }
    return this.#directories.notices;
  }

  async #publish(volume: PlannedVolume, volumeId: VolumeId, before: PodVolume | undefined): Promise<void> {
    const { slices, projector } = this.#dependencies;
    const published = new Set<string>();
    for (const { target } of before?.publications ?? []) published.add(target);
    // A published target takes new tokens; with another target first they would count as those of another request.
    const mounts = [...volume.mounts].sort((a, b) => Number(published.has(b.target)) - Number(published.has(a.target)));
    for (const { target } of mounts) {
      await slices.next();
      this.#directories.prepare(target, this.#undo);
    }
    const made = this.#directories.madeFor(mounts, published);
    for (const [index, mount] of mounts.entries()) {
      await slices.next();
      const request = this.#requestFor(volume, volumeId, mount, made);
      try {
        await projector.publish(request, this.#signal);
      } catch (error) {
        throw failureOf(volume, mount, error);
      }
      if (!published.has(mount.target)) this.#undo.defer(() => this.#unpublish(volumeId, mount.target));
      if (index === 0 && before !== undefined) this.#undo.defer(() => this.#restore(before, request));
    }
  }

  #requestFor(
    { name, definition }: PlannedVolume,
    volumeId: VolumeId,
    { target, subPath }: ContainerMount,
    made: readonly string[],
  ): PublishRequest {
    const { pod, root, tokens } = this.#request;
    return {
      volumeId,
      namespace: pod.namespace,
      definition,
      target,
      subPath,
      ...USUAL_ACCESS,
      mountGroup: pod.fsGroup,
      pod: pod.facts,
      inputs: { data: new Map(), tokens },
      podVolume: { name, root, made },
      waitForObjects: false,
    };
  }

  async #remove(volumeId: string, target: string): Promise<void> {
    // Ids in the list of a pod's volumes were made by podVolumeId, or read back from a record.
    await this.#unpublish(volumeId as VolumeId, target);
    this.#dependencies.directories.removeAbove(this.#request.root, target);
  }

  async #unpublish(volumeId: VolumeId, target: string): Promise<void> {
    await this.#dependencies.slices.next();
    await this.#dependencies.projector.unpublish({ volumeId, target }, FOREVER);
  }

  /** Restores what a volume held before the call, if the call changed that. */
  async #restore({ definition, pod, publications }: PodVolume, now: PublishRequest): Promise<void> {
    const isSame = isDeepStrictEqual(definition, now.definition) && isDeepStrictEqual(pod, now.pod);
    const [publication] = publications;
    if (isSame || definition === undefined || publication === undefined) return;
    const { target, subPath } = publication;
    await this.#dependencies.projector.publish({ ...now, definition, pod, target, subPath }, FOREVER);
  }

  async #takeBack(): Promise<void> {
    try {
      await this.#undo[Symbol.asyncDispose]();
    } catch (error) {
      const { namespace, facts } = this.#request.pod;
      const { message } = toLanternError(error, 'take back what was mounted');
      this.#dependencies.log.error(
        { pod: `${namespace}/${facts.name}`, problem: message },
        'a pod could not be mounted, and not all of it could be removed again',
      );
    }
  }
}

/** A missing subPath may come with a key of the volume's objects, so it is worth waiting for. */
function failureOf({ name }: PlannedVolume, { subPath }: ContainerMount, error: unknown): unknown {
  if (!(error instanceof LanternError)) return error;
  const isMissing = subPath !== undefined && error.code === 'not-found';
  const known = isMissing
    ? new LanternError(error.code, error.message, { cause: error, reason: 'MISSING_OBJECTS' })
    : error;
  return known.within(`volume "${name}"`);
}

/** The first element below the root. */
function containerOf(target: string, root: string): string {
  return target.slice(root.length + 1).split('/', 1)[0] ?? '';
}

/** A target's directories. Those made for the pod, also earlier, let in the users it names now; others stay. */
class PodDirectories {
  readonly #root: string;
  readonly #directories: TargetDirectories;
  readonly #openness: Openness;
  readonly #reachable = new Set<string>();
  /** Only the outermost directories that were made for the pod. */
  readonly #made: Set<string>;
  readonly #done = new Set<string>();

  constructor(request: PodRequest, made: readonly string[], directories: TargetDirectories, giver: FileGiver) {
    this.#root = request.root;
    this.#directories = directories;
    const onReachable = (directory: string) => void this.#reachable.add(directory);
    this.#openness = { accessOf: directoryAccess(request, giver), onReachable };
    this.#made = new Set(made);
  }

  /** Makes the target's directories and gives them their access. `undo` can revert that. */
  prepare(target: string, undo: DisposalStack): void {
    const made = this.#directories.make(this.#root, target, this.#openness);
    undo.defer(() => this.#directories.remove(made));
    for (const directory of made) this.#done.add(directory);
    const [outermost] = made;
    if (outermost !== undefined && this.#outermost(outermost) === undefined) this.#made.add(outermost);
    for (const directory of directoriesTo(this.#root, target)) {
      if (this.#done.has(directory) || this.#outermost(directory) === undefined) continue;
      this.#done.add(directory);
      const before = this.#directories.settle(directory, this.#openness);
      if (before !== undefined) undo.defer(() => this.#directories.restore(directory, before));
    }
  }

  /** The outermost directories made for the pod that these targets are in. */
  madeFor(mounts: readonly ContainerMount[], published: Iterable<string>): readonly string[] {
    const made = new Set<string>();
    const add = (target: string) => {
      const outermost = this.#outermost(dirname(target));
      if (outermost !== undefined) made.add(outermost);
    };
    for (const { target } of mounts) add(target);
    for (const target of published) add(target);
    return [...made];
  }

  /** The outermost directory made for the pod among this one and those above it; undefined if it was there before. */
  #outermost(directory: string): string | undefined {
    for (const each of directoriesTo(this.#root, `${directory}/any`)) if (this.#made.has(each)) return each;
    return undefined;
  }

  /** About directories that let others in. */
  get notices(): readonly Notice[] {
    if (this.#reachable.size === 0) return [];
    const [first] = this.#reachable;
    const message = `the file system of "${first}" has no access control lists (or none as long): whoever knows the names in the directories made for the pod gets to its files; choose a root on a tmpfs`;
    return [{ reason: 'DirectoriesNotClosed', message }];
  }
}

/**
 * The users and groups that a pod's directories let in besides the daemon's user and root. `<root>/<container>` and
 * what is in it: the user of the container, its group if the user is unknown, and fsGroup. The root: all of them.
 * Supplementary groups are left out: a pod shares them with others.
 */
function directoryAccess(
  { pod, root, open, runAsUser }: PodRequest,
  giver: Pick<FileGiver, 'user'>,
): (directory: string) => DirectoryAccess {
  if (open) return () => 'everybody';
  const byContainer = new Map<string, Readers>();
  const all: Readers = { users: [], groups: [] };
  for (const { name, runAs } of pod.containers) {
    const user = runAsUser ?? runAs.user;
    const readers: Readers = { users: [], groups: [] };
    // Root and the daemon's user get in anyway.
    if (user !== undefined && user !== 0 && user !== giver.user) readers.users.push(user);
    if (pod.fsGroup !== undefined) readers.groups.push(pod.fsGroup);
    if (user === undefined && runAs.group !== undefined) readers.groups.push(runAs.group);
    byContainer.set(name, readers);
    all.users.push(...readers.users);
    all.groups.push(...readers.groups);
  }
  return (directory) => byContainer.get(containerOf(directory, root)) ?? all;
}

type Readers = { readonly users: number[]; readonly groups: number[] };
