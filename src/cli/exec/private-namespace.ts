import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  type Dirent,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import {
  bindRecursively,
  changeDirectory,
  joinMounts,
  makePrivate,
  makeUnbindable,
  moveMountTo,
  pivotHere,
  rootHere,
} from '../../mount/linux/namespace-calls.ts';
import {
  attachMount,
  cloneMount,
  leaveMountNamespace,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_NODEV,
  MS_NOSUID,
  mount,
  O_PATH,
  setMountAttributes,
} from '../../mount/linux/system-calls.ts';

/** A file or directory, and where a command shall see it. Both absolute. */
type PrivateMount = { readonly source: string; readonly mountPath: string };

/**
 * A mount namespace in which volumes are, read-only, at paths that need not exist on the host; the host's own are not
 * touched. From `enter` until disposed, this thread is in it, so whoever holds one does nothing asynchronous: processes
 * started meanwhile stay in it, and it is gone with the last of them.
 *
 * Where a path is missing, the deepest directory that exists is mirrored (see `mirrorDirectory`): what is written to
 * its entries reaches the host as before, entries made anew in that directory itself do not.
 */
export class PrivateNamespace implements Disposable {
  readonly #home: Home;

  private constructor(home: Home) {
    this.#home = home;
  }

  /**
   * `stage` is an empty directory for the time of the call. Throws `permission-denied` where this process may not do
   * that, and `failed-precondition` for a path where nothing can be mounted; the thread is then where it was.
   */
  static enter(mounts: readonly PrivateMount[], stage: string): PrivateNamespace {
    const namespace = new PrivateNamespace(new Home());
    try {
      leaveMountNamespace();
      const places = new Places(stage);
      // What holds others comes first.
      for (const mount of [...mounts].sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1))) places.mount(mount);
      namespace.#home.followDirectory();
      return namespace;
    } catch (error) {
      namespace[Symbol.dispose]();
      if (errnoOf(error) === 'ENOSYS') throw notInThisKernel(error);
      throw toLanternError(error, 'make a mount namespace for the command');
    }
  }

  [Symbol.dispose](): void {
    this.#home.return();
  }
}

/** The calling thread's; as a link it tells which one that is. */
const NAMESPACE = '/proc/thread-self/ns/mnt';

/** Where the thread was: namespace, root and working directory. Descriptors, as paths mean something else meanwhile. */
class Home {
  readonly #name = readlinkSync(NAMESPACE);
  readonly #namespace = openSync(NAMESPACE, 'r');
  readonly #root = openSync('/', O_PATH | constants.O_DIRECTORY);
  readonly #directory = openSync('.', O_PATH | constants.O_DIRECTORY);
  readonly #directoryPath = workingDirectory();

  return(): void {
    try {
      // Refused to somebody who could not leave it either.
      if (readlinkSync(NAMESPACE) === this.#name) return;
      joinMounts(this.#namespace);
      changeDirectory(this.#root);
      rootHere();
      changeDirectory(this.#directory);
    } catch (error) {
      // Without CAP_SYS_CHROOT there is no way back. What is left to do before the process ends works from here as well.
      if (errnoOf(error) !== 'EPERM') throw error;
    } finally {
      for (const fd of [this.#namespace, this.#root, this.#directory]) closeSync(fd);
    }
  }

  /** The same directory as the new mounts show it; `/` where they hide it. */
  followDirectory(): void {
    try {
      process.chdir(this.#directoryPath ?? '/');
    } catch {
      process.chdir('/');
    }
  }
}

function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // It was removed.
    return undefined;
  }
}

/** The paths of one namespace. */
class Places {
  readonly #stage: string;
  /** Devices of the mirrors, in which missing entries can simply be made. */
  readonly #mirrors = new Set<number>();
  readonly #mounted: string[] = [];

  constructor(stage: string) {
    this.#stage = stage;
  }

  mount({ source, mountPath }: PrivateMount): void {
    try {
      // Before a mirror may hide it.
      const volume = cloneMount(source);
      try {
        setMountAttributes(volume, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0);
        const place = this.#make(mountPath, statSync(source).isDirectory());
        const target = openSync(place, O_PATH);
        try {
          attachMount(volume, target, place);
        } finally {
          closeSync(target);
        }
        this.#mounted.push(place);
      } finally {
        closeSync(volume);
      }
    } catch (error) {
      if (errnoOf(error) === 'ENOSYS') throw error;
      throw toLanternError(error, `mount a volume at "${mountPath}" for the command`);
    }
  }

  /** The real path, made where it is missing. */
  #make(mountPath: string, isDirectory: boolean): string {
    const { existing, missing } = locate(mountPath);
    const path = join(existing, ...missing);
    if (path === '/') throw unusable(mountPath, 'a volume there would hide everything, the command included');
    if (missing.length === 0) {
      if (statSync(path).isDirectory() === isDirectory) return path;
      const [one, other] = isDirectory ? ['a directory', 'a file'] : ['a file', 'a directory'];
      throw unusable(mountPath, `the host has ${other} there, and the volume is ${one}`);
    }
    if (this.#mounted.some((mounted) => `${existing}/`.startsWith(`${mounted}/`))) {
      throw unusable(mountPath, 'it lies inside another volume, which has nothing of that name');
    }
    if (/^\/(proc|sys)(\/|$)/.test(existing)) throw unusable(mountPath, `nothing can be added to "${existing}"`);
    if (!this.#mirrors.has(statSync(existing).dev)) {
      mirrorDirectory(existing, this.#stage);
      this.#mirrors.add(statSync(existing).dev);
    }
    makeDirectories(isDirectory ? path : dirname(path), 0o755);
    if (!isDirectory) writeFileSync(path, '', { mode: 0o644 });
    return path;
  }
}

/** How much of a path there is, links followed as a container's runtime does, and the elements that are missing. */
function locate(path: string): { readonly existing: string; readonly missing: readonly string[] } {
  const elements = path.split('/').filter((element) => element !== '');
  let existing = '/';
  for (const [at, element] of elements.entries()) {
    const next = join(existing, element);
    if (lstatSync(next, { throwIfNoEntry: false }) === undefined) return { existing, missing: elements.slice(at) };
    existing = realpathSync.native(next);
  }
  return { existing, missing: [] };
}

function unusable(mountPath: string, problem: string): LanternError {
  const message = `mount a volume at "${mountPath}" for the command: ${problem}; choose another mountPath`;
  return new LanternError('failed-precondition', message);
}

/** As if it were forbidden: another way has to be taken. */
function notInThisKernel(cause: unknown): LanternError {
  const message = 'the kernel or a seccomp filter lacks the mount calls of Linux 5.12';
  return new LanternError('permission-denied', message, { cause });
}

/**
 * Puts a copy in memory over a directory, in a mount namespace of one's own: every entry is the very file or directory
 * that was there, by bind, and new entries can be made that the host never sees. `stage` is an empty directory to build
 * the copy in; it is empty again afterwards. Throws what the system calls throw.
 */
function mirrorDirectory(directory: string, stage: string): void {
  const { mode, uid, gid } = statSync(directory);
  mount('lantern', stage, 'tmpfs', MS_NOSUID | MS_NODEV, '');
  // The stage may lie below an entry of the directory: without this its own copy would hold a copy of itself.
  makeUnbindable(stage);
  for (const entry of readdirSync(directory, { withFileTypes: true })) mirrorEntry(directory, stage, entry);
  chownSync(stage, uid, gid);
  chmodSync(stage, mode & 0o7777);
  if (directory === '/') {
    process.chdir(stage);
    pivotHere();
    process.chdir('/');
  } else {
    moveMountTo(stage, directory);
  }
  makePrivate(directory);
}

/** What is gone by now is left out. */
function mirrorEntry(directory: string, stage: string, entry: Dirent): void {
  const from = join(directory, entry.name);
  const to = join(stage, entry.name);
  try {
    if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(from), to);
      const { uid, gid } = lstatSync(from);
      lchownSync(to, uid, gid);
      return;
    }
    if (entry.isDirectory()) mkdirSync(to);
    else writeFileSync(to, '');
    bindRecursively(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    rmSync(to, { recursive: true, force: true });
  }
}
