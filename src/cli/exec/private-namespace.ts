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
import { isAtOrBelow } from '../../mount/targets/target-roots.ts';

/** `mountPath` is the path that the command sees. Both paths are absolute. */
type PrivateMount = { readonly source: string; readonly mountPath: string };

/**
 * A mount namespace with volumes mounted read-only at paths that need not exist on the host, which does not change.
 * This thread is in it from `enter` until disposed, so nothing may be asynchronous meanwhile. Processes started
 * meanwhile stay in it, and it ends with the last of them.
 */
export class PrivateNamespace implements Disposable {
  readonly #home: Home;

  private constructor(home: Home) {
    this.#home = home;
  }

  /**
   * `stage` is an empty directory for use during the call. `permission-denied` if this process may not do this, and
   * `failed-precondition` for a path where nothing can be mounted. After an error the thread is where it was.
   */
  static enter(mounts: readonly PrivateMount[], stage: string): PrivateNamespace {
    const namespace = new PrivateNamespace(new Home());
    try {
      leaveMountNamespace();
      const places = new Places(stage);
      // A parent must come before the paths inside it.
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

/** The text of this link identifies the calling thread's mount namespace. */
const NAMESPACE = '/proc/thread-self/ns/mnt';

/** The thread's namespace, root and working directory before, by descriptor: paths lead elsewhere meanwhile. */
class Home {
  readonly #name = readlinkSync(NAMESPACE);
  readonly #namespace = openSync(NAMESPACE, 'r');
  readonly #root = openSync('/', O_PATH | constants.O_DIRECTORY);
  readonly #directory = openSync('.', O_PATH | constants.O_DIRECTORY);
  readonly #directoryPath = workingDirectory();

  return(): void {
    try {
      // If leaving failed, returning would fail with EPERM as well.
      if (readlinkSync(NAMESPACE) === this.#name) return;
      joinMounts(this.#namespace);
      changeDirectory(this.#root);
      rootHere();
      changeDirectory(this.#directory);
    } catch (error) {
      // Without CAP_SYS_CHROOT this thread cannot return. The rest of the work is possible from here as well.
      if (errnoOf(error) !== 'EPERM') throw error;
    } finally {
      for (const fd of [this.#namespace, this.#root, this.#directory]) closeSync(fd);
    }
  }

  /** Uses `/` if the new mounts hide the directory. */
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
    // The directory was removed.
    return undefined;
  }
}

class Places {
  readonly #stage: string;
  /** Devices of the mirrors. Missing entries can be created in a mirror. */
  readonly #mirrors = new Set<number>();
  readonly #mounted: string[] = [];

  constructor(stage: string) {
    this.#stage = stage;
  }

  mount({ source, mountPath }: PrivateMount): void {
    try {
      // Cloned first, because a mirror may hide the source.
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

  /** Returns the real path, and creates missing parts of it. */
  #make(mountPath: string, isDirectory: boolean): string {
    const { existing, missing } = locate(mountPath);
    const path = join(existing, ...missing);
    if (path === '/') throw unusable(mountPath, 'a volume there would hide the whole file system');
    if (missing.length === 0) {
      if (statSync(path).isDirectory() === isDirectory) return path;
      const [one, other] = isDirectory ? ['a directory', 'a file'] : ['a file', 'a directory'];
      throw unusable(mountPath, `the host has ${other} there, but the volume is ${one}`);
    }
    if (this.#mounted.some((mounted) => isAtOrBelow(existing, mounted))) {
      throw unusable(mountPath, 'it is inside another volume, which has no entry of that name');
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

/** Splits a path into existing and missing elements. Follows links as a container runtime does. */
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

/** The code lets the caller go on without a namespace. */
function notInThisKernel(cause: unknown): LanternError {
  const message = 'the kernel or a seccomp filter lacks the mount calls of Linux 5.12';
  return new LanternError('permission-denied', message, { cause });
}

/**
 * Mounts a tmpfs over a directory of this thread's namespace, with a bind of each of the host's entries. New entries
 * stay in memory: the host never sees them. `stage` is empty before and afterwards.
 */
function mirrorDirectory(directory: string, stage: string): void {
  const { mode, uid, gid } = statSync(directory);
  mount('lantern', stage, 'tmpfs', MS_NOSUID | MS_NODEV, '');
  // The stage may be inside an entry of the directory. Without this, a bind of that entry would contain the mirror.
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

/** Skips an entry that has disappeared meanwhile. */
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
