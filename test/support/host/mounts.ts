import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { type MountEntry, parseMountinfo } from '../../../src/mount/linux/mount-table.ts';
import { mountsBelow } from '../projection/daemon-harness.ts';
import { TempDir } from '../suite/temp-dir.ts';

/**
 * A directory on a tmpfs of its own, shared as on a host with systemd, or private. `using` takes every mount in it away
 * and removes it. Needs root.
 */
export class MountFixture implements Disposable {
  readonly #dir = new TempDir();
  readonly path = this.#dir.path;

  constructor(propagation: 'shared' | 'private' = 'shared') {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'lantern-test', this.path]);
    execFileSync('mount', [`--make-${propagation}`, this.path]);
  }

  at(...elements: readonly string[]): string {
    return this.#dir.at(...elements);
  }

  /** The mounts below this directory. */
  mounts(): readonly MountEntry[] {
    return mountTable().filter(({ mountPoint }) => mountPoint.startsWith(`${this.path}/`));
  }

  [Symbol.dispose](): void {
    for (const { mountPoint } of [...this.mounts()].reverse()) execFileSync('umount', ['-l', mountPoint]);
    execFileSync('umount', ['-l', this.path]);
    this.#dir[Symbol.dispose]();
  }
}

export function mountTable(): readonly MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/**
 * A tmpfs of the test's own on a shared mount, as /run is under systemd: what is mounted in one namespace shows in the
 * others.
 */
export class SharedMount implements Disposable {
  readonly #directory = new TempDir();

  constructor() {
    execFileSync('mount', ['-t', 'tmpfs', 'lantern-test', this.path]);
    execFileSync('mount', ['--make-rshared', this.path]);
    for (const name of ['run', 'volumes']) mkdirSync(this.at(name), { mode: 0o700 });
  }

  get path(): string {
    return this.#directory.path;
  }

  at(...elements: readonly string[]): string {
    return this.#directory.at(...elements);
  }

  [Symbol.dispose](): void {
    if (mountsBelow(this.path).length > 0) execFileSync('umount', ['--recursive', this.path]);
    this.#directory[Symbol.dispose]();
  }
}
