import { lstatSync } from 'node:fs';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { SystemCallError } from '../../../src/base/errors.ts';
import { inOneStep, type Steps } from '../../../src/base/steps.ts';
import type { MountEntry, MountTable } from '../../../src/mount/linux/mount-table.ts';
import { type BoundMount, type Mounter, POOL_SOURCE, type PoolLimits } from '../../../src/mount/linux/mounter.ts';
import { OpenedParent, type OpenedTarget } from '../../../src/mount/linux/opened-target.ts';
import type { FileIdentity } from '../../../src/mount/linux/system-calls.ts';
import type { MountFlag } from '../../../src/volume/record.ts';

type MountAction =
  | { readonly type: 'mount-pool'; readonly directory: string; readonly limits: PoolLimits }
  | { readonly type: 'unmount'; readonly directory: string }
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly flags: readonly MountFlag[] }
  | { readonly type: 'unbind'; readonly target: string }
  | { readonly type: 'adopt'; readonly target: string; readonly directory: string };

/**
 * A mount table in memory: it answers as if the mounts existed, while pools are plain directories and targets stay
 * empty. Needs no privilege. Records its calls, and can be made to fail.
 */
export class RecordingMounter implements Mounter {
  readonly #mounts: RecordedMount[] = [];
  readonly #actions: MountAction[] = [];
  #failure: { readonly type: MountAction['type']; readonly errno: number } | undefined;
  #lastId = 0;
  #changes = 0;
  #looks = 0;

  /** How often the table was read by those who watch it. */
  get looks(): number {
    return this.#looks;
  }

  /** Everything done so far, in order. Calls that failed or had nothing to do are not in it. */
  get actions(): readonly MountAction[] {
    return this.#actions;
  }

  /** The next action of this type fails with `errno` and changes nothing. */
  failNext(type: MountAction['type'], errno: number): void {
    this.#failure = { type, errno };
  }

  mountPool(directory: string, limits: PoolLimits): void {
    this.#record({ type: 'mount-pool', directory, limits });
    const device = `0:${this.#lastId + 1}`;
    const { ino: inode } = lstatSync(directory, { bigint: true });
    this.#add({ device, root: '/', mountPoint: directory, inode, bytes: limits.bytes });
  }

  unmount(directory: string): void {
    const top = this.#topmost(directory);
    if (top === undefined) return;
    this.#record({ type: 'unmount', directory });
    // As the real one, lazily and with everything below.
    this.#remove((mount) => mount === top || mount.mountPoint.startsWith(`${directory}/`));
  }

  bind(
    source: string,
    target: OpenedTarget,
    flags: readonly MountFlag[],
    announce?: (mount: FileIdentity) => void,
  ): BoundMount {
    const identity = { ...this.identify(source), isMountRoot: true, mountId: this.#lastId + 1 };
    announce?.(identity);
    this.#record({ type: 'bind', source, target: target.target, flags });
    this.#addClone(source, target.target);
    return { identity, undo: () => this.unbind(target), [Symbol.dispose]: () => undefined };
  }

  unbind(target: OpenedTarget): void {
    const top = this.#topmost(target.target);
    if (top === undefined) throw new SystemCallError(constants.errno.EINVAL, 'umount2', target.target);
    this.#record({ type: 'unbind', target: target.target });
    this.#remove((mount) => mount === top);
  }

  async unbindInThread(target: OpenedTarget): Promise<void> {
    this.unbind(target);
  }

  adopt(publication: OpenedTarget, directory: string): void {
    this.#record({ type: 'adopt', target: publication.target, directory });
    this.#addClone(publication.target, directory);
  }

  identify(place: OpenedTarget | OpenedParent | string): FileIdentity {
    const path = typeof place === 'string' ? place : place.target;
    // A link that took the place of a mount point in memory shows nothing of the mount.
    const isLink = place instanceof OpenedParent && lstatSync(path).isSymbolicLink();
    const top = isLink ? undefined : this.#topmost(path);
    const mount = top ?? this.#containing(path);
    return {
      device: mount?.device ?? 'none:0',
      inode: top?.inode ?? lstatSync(path, { bigint: true }).ino,
      isMountRoot: top !== undefined,
      mountId: mount?.id ?? 0,
      isDeleted: false,
    };
  }

  table(): readonly MountEntry[] {
    return this.#mounts.map(({ inode: _, bytes, ...mount }) => ({
      ...mount,
      parentId: 0,
      options: [],
      propagation: [],
      fileSystem: 'tmpfs',
      source: POOL_SOURCE,
      superOptions: [`size=${Math.ceil(bytes / 1024)}k`],
    }));
  }

  watchTable(): MountTable {
    let known: number | undefined;
    const hasChanged = (): boolean => {
      const before = known;
      known = this.#changes;
      return before !== known;
    };
    const reading = (): Steps<readonly MountEntry[]> => {
      this.#looks += 1;
      return inOneStep(() => this.table());
    };
    return { hasChanged, reading, [Symbol.dispose]: () => undefined };
  }

  /** A bind made by others: it is not recorded as an action. */
  bindByOthers(source: string, mountPoint: string): void {
    this.#addClone(source, mountPoint);
  }

  unbindByOthers(mountPoint: string): void {
    this.#remove((mount) => mount.mountPoint === mountPoint);
  }

  #addClone(source: string, mountPoint: string): void {
    const { device, inode } = this.identify(source);
    const of = this.#topmost(source) ?? this.#containing(source);
    const below = of === undefined ? '' : relative(of.mountPoint, source);
    const root = [of?.root === '/' ? '' : (of?.root ?? ''), below].filter((part) => part !== '').join('/');
    this.#add({ device, inode, root: root.startsWith('/') ? root : `/${root}`, mountPoint, bytes: of?.bytes ?? 0 });
  }

  #add(mount: Omit<RecordedMount, 'id'>): void {
    this.#lastId += 1;
    this.#changes += 1;
    this.#mounts.push({ ...mount, id: this.#lastId });
  }

  #remove(matches: (mount: RecordedMount) => boolean): void {
    this.#changes += 1;
    const kept = this.#mounts.filter((mount) => !matches(mount));
    this.#mounts.splice(0, this.#mounts.length, ...kept);
  }

  #topmost(path: string): RecordedMount | undefined {
    return this.#mounts.findLast((mount) => mount.mountPoint === path);
  }

  #containing(path: string): RecordedMount | undefined {
    const above = this.#mounts.filter((mount) => path.startsWith(`${mount.mountPoint}/`));
    return above.sort((a, b) => a.mountPoint.length - b.mountPoint.length).at(-1);
  }

  #record(action: MountAction): void {
    const failure = this.#failure;
    if (failure?.type === action.type) {
      this.#failure = undefined;
      throw new SystemCallError(failure.errno, action.type, undefined);
    }
    this.#actions.push(action);
  }
}

type RecordedMount = {
  readonly id: number;
  readonly device: string;
  readonly root: string;
  readonly mountPoint: string;
  readonly inode: bigint;
  /** Size of the file system. */
  readonly bytes: number;
};
