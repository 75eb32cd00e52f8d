import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { type MountEntry, parseMountinfo } from './linux/mount-table.ts';
import { isAtOrBelow } from './targets/target-roots.ts';

/**
 * The mount tables of all processes, one per mount namespace. A container's bind mounts are in no other table: the
 * host's does not show them.
 */
export class MountTables {
  readonly #own: readonly MountEntry[];
  readonly #others: readonly MountEntry[];
  readonly #isComplete: boolean;

  private constructor(own: readonly MountEntry[], others: readonly MountEntry[], isComplete: boolean) {
    this.#own = own;
    this.#others = others;
    this.#isComplete = isComplete;
  }

  static async read(): Promise<MountTables> {
    const own = parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
    const others: MountEntry[] = [];
    const texts = new Set<string>();
    const namespaces = new Set([await namespaceOf('self')]);
    let isComplete = true;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const namespace = await namespaceOf(pid);
      if (namespace !== undefined && namespaces.has(namespace)) continue;
      try {
        const text = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
        // Without CAP_SYS_PTRACE, namespaces cannot be told apart.
        if (!texts.has(text)) for (const mount of parseMountinfo(text)) others.push(mount);
        texts.add(text);
        if (namespace !== undefined) namespaces.add(namespace);
      } catch (error) {
        // A process that has ended, or is about to, has no table.
        if (!GONE.has(errnoOf(error) ?? '')) isComplete = false;
      }
    }
    return new MountTables(own, others, isComplete);
  }

  /**
   * True if something has what `path` (absolute, clean) shows, or a part of it, mounted at another place. Copies in
   * another view of the host's tree, such as `/rootfs/<path>`, do not count. Also true if a table is unreadable.
   */
  isElsewhere(path: string): boolean {
    if (!this.#isComplete) return true;
    const covering = this.#own.findLast(({ mountPoint }) => isAtOrBelow(path, mountPoint));
    if (covering === undefined) return false;
    const root = join(covering.root, path.slice(covering.mountPoint.length));
    return [...this.#own, ...this.#others].some(
      (mount) => mount.device === covering.device && isAtOrBelow(mount.root, root) && !mount.mountPoint.endsWith(path),
    );
  }
}

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EINVAL']);

/** Undefined if it cannot be told. */
async function namespaceOf(pid: string): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}
