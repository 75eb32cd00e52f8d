import type { MountEntry } from '../linux/mount-table.ts';
import { type PublicationRoot, publicationRoot } from './publication-root.ts';

/** A mount that shows a volume or a part of it, made by a daemon or by others. */
type PublicationMount = { readonly mount: MountEntry; readonly root: PublicationRoot };

/** One reading of the mount table, for a start. No answer takes longer because there are more mounts. */
export class MountIndex {
  /** The topmost mount of each mount point. */
  readonly #byMountPoint = new Map<string, MountEntry>();
  /** Every directory that has a mount on it or below it. */
  readonly #busy = new Set<string>();
  /** Devices that are mounted as a whole. */
  readonly #whole = new Set<string>();
  /** By device and home, in the table's order. */
  readonly #publications = new Map<string, PublicationMount[]>();

  constructor(table: readonly MountEntry[]) {
    for (const mount of table) {
      const { mountPoint, device } = mount;
      this.#byMountPoint.set(mountPoint, mount);
      for (let end = mountPoint.length; end > 0; end = mountPoint.lastIndexOf('/', end - 1)) {
        const directory = mountPoint.slice(0, end);
        if (this.#busy.has(directory)) break;
        this.#busy.add(directory);
      }
      if (mount.root === '/') this.#whole.add(device);
      const root = publicationRoot(mount);
      if (root === undefined) continue;
      const key = keyOf(device, root.home);
      const known = this.#publications.get(key);
      if (known === undefined) this.#publications.set(key, [{ mount, root }]);
      else known.push({ mount, root });
    }
  }

  /** The mount that covers the others at this mount point. */
  topmostAt(mountPoint: string): MountEntry | undefined {
    return this.#byMountPoint.get(mountPoint);
  }

  isBusy(directory: string): boolean {
    return this.#busy.has(directory);
  }

  /** In the table's order: all mounts of the volume in this home, on this device. */
  mountsOf(device: string, home: string): readonly PublicationMount[] {
    return this.#publications.get(keyOf(device, home)) ?? [];
  }

  /** Homes with a publication whose pool is not mounted any more. */
  get orphans(): ReadonlySet<string> {
    const homes = new Set<string>();
    for (const mounts of this.#publications.values()) {
      for (const { mount, root } of mounts) if (!this.#whole.has(mount.device)) homes.add(root.home);
    }
    return homes;
  }
}

/** A device has no blanks. */
function keyOf(device: string, home: string): string {
  return `${device} ${home}`;
}
