import { dirname } from 'node:path';
import type { DisposalStack } from '../../base/disposal-stack.ts';
import { directoriesTo, type Openness, type TargetDirectories } from '../../mount/targets/target-directories.ts';
import type { Notice } from '../../payload/payload.ts';
import type { PodRequest } from './pods.ts';
import { directoryAccess, type FileGiver } from './readers.ts';
import type { PodVolumeOf } from './status.ts';

/**
 * The directories of one pod while it is mounted once. What was made for the pod, now or by an earlier call, lets in whom the
 * pod names now; what was there before is whoever's it is, and stays as it is.
 */
export class PodDirectories {
  readonly #root: string;
  readonly #directories: TargetDirectories;
  readonly #openness: Openness;
  readonly #reachable = new Set<string>();
  /** Directories that were made for the pod, without those in them. */
  readonly #made: Set<string>;
  readonly #done = new Set<string>();

  constructor(request: PodRequest, mounted: readonly PodVolumeOf[], directories: TargetDirectories, giver: FileGiver) {
    this.#root = request.root;
    this.#directories = directories;
    const onReachable = (directory: string) => void this.#reachable.add(directory);
    this.#openness = { accessOf: directoryAccess(request, giver), onReachable };
    this.#made = new Set(mounted.flatMap(({ podVolume }) => podVolume.made ?? []));
  }

  /** Makes and settles what the target lies in; `undo` learns how to take that back. */
  prepare(target: string, undo: DisposalStack): void {
    const made = this.#directories.make(this.#root, target, this.#openness);
    undo.defer(() => this.#directories.remove(made));
    for (const directory of made) this.#done.add(directory);
    const [outermost] = made;
    if (outermost !== undefined && !this.#isMade(outermost)) this.#made.add(outermost);
    for (const directory of directoriesTo(this.#root, target)) {
      if (this.#done.has(directory) || !this.#isMade(directory)) continue;
      this.#done.add(directory);
      const before = this.#directories.settle(directory, this.#openness);
      if (before !== undefined) undo.defer(() => this.#directories.restore(directory, before));
    }
  }

  /** The directory, or the one that it lies in, with which what was made begins. */
  #outermost(directory: string): string | undefined {
    const above = directoriesTo(this.#root, `${directory}/any`);
    return above.find((each) => this.#made.has(each));
  }

  #isMade(directory: string): boolean {
    return this.#outermost(directory) !== undefined;
  }

  /** Of those that were made, without what lies in them, which these targets lie in. */
  madeFor(targets: readonly string[]): readonly string[] {
    const made = targets.flatMap((target) => this.#outermost(dirname(target)) ?? []);
    return [...new Set(made)];
  }

  /** What keeps nobody out although it should. */
  get notices(): readonly Notice[] {
    if (this.#reachable.size === 0) return [];
    const [first] = this.#reachable;
    const message = `the file system of "${first}" has no access control lists (or none as long): whoever knows the names in the directories made for the pod gets to its files; choose a root on a tmpfs`;
    return [{ reason: 'DirectoriesNotClosed', message }];
  }
}
