import { errnoOf } from '../../base/errors.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import type { MountEntry } from '../linux/mount-table.ts';
import type { Mounter } from '../linux/mounter.ts';
import type { FileIdentity } from '../linux/system-calls.ts';
import type { PublishedTarget } from '../publisher.ts';
import { isSame, type Shown } from './cover.ts';

/** What is visible at one target. */
export type Publication = Shown & PublishedTarget & { readonly subPath: RelativePath | undefined };

/** The publications of one volume, by the real paths of their targets. */
export class BoundPublications {
  readonly #mounter: Mounter;
  readonly #byTarget = new Map<string, Publication>();
  /** Where those are that are not at their targets any more, as somebody renamed a directory on the way. */
  readonly #moved = new Map<string, string>();

  constructor(mounter: Mounter) {
    this.#mounter = mounter;
  }

  get targets(): readonly string[] {
    return [...this.#byTarget.keys()];
  }

  get(target: string): Publication | undefined {
    return this.#byTarget.get(target);
  }

  get hasWhole(): boolean {
    return [...this.#byTarget.values()].some(({ subPath }) => subPath === undefined);
  }

  set(target: string, publication: Publication): void {
    this.#byTarget.set(target, publication);
    this.#moved.delete(target);
  }

  delete(target: string): void {
    this.#byTarget.delete(target);
    this.#moved.delete(target);
  }

  /** A sentence for each that shows a part of one of these generations, which somebody changed. */
  damaged(generations: ReadonlySet<string>): readonly string[] {
    if (generations.size === 0) return [];
    return [...this.#byTarget].flatMap(([target, { subPath, pinnedGeneration = '' }]) => {
      if (!generations.has(pinnedGeneration)) return [];
      const part = `the subPath "${subPath}" at "${target}"`;
      return [`what ${part} shows was changed on disk, and stays so until it is unmounted and mounted again`];
    });
  }

  /** Targets whose mount is not where it was seen last. One system call for each publication. */
  get displaced(): readonly string[] {
    return this.targets.filter((target) => !this.#isAt(this.#moved.get(target) ?? target, target));
  }

  /** Of the displaced ones, those whose mounts are nowhere in this table, which was read after they were found displaced. */
  vanished(table: ReadonlyMap<number, MountEntry>): readonly string[] {
    return this.displaced.filter((target) => {
      const known = this.#byTarget.get(target);
      const mount = known && table.get(known.mountId);
      if (mount === undefined || mount.device !== known?.device) return true;
      this.#moved.set(target, mount.mountPoint);
      const found = this.#lookAt(mount.mountPoint);
      // The id is that of a later mount when it shows something else; what is covered is still there.
      return found?.mountId === known.mountId && !isSame(found, known);
    });
  }

  #isAt(place: string, target: string): boolean {
    const known = this.#byTarget.get(target);
    const found = this.#lookAt(place);
    return known !== undefined && found !== undefined && isSame(found, known);
  }

  /** By path, whatever links lead there: a mount's own id cannot be feigned. */
  #lookAt(path: string): FileIdentity | undefined {
    try {
      return this.#mounter.identify(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }
}
