import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { OpenedParent, symbolicLinkAt } from '../linux/opened-target.ts';
import { openDirectoryWithoutLinks } from '../linux/system-calls.ts';

/** PATH_MAX without its NUL. */
const MAX_TARGET_BYTES = 4095;

/** A path is opened to cover it with a volume, or to make directories and targets in it. */
type Purpose = 'cover' | 'enter';

/** A root as the operator gave it, and its real path. */
type Root = { readonly given: string; readonly real: string };

/**
 * Confines targets to the directories that the operator allows. A root is trusted and resolved once, here, because
 * `/var/run` or a kubelet's directory may be reached through a link. Below it no symbolic link is followed, so that
 * nobody who owns a directory on the way can redirect a mount.
 */
export class TargetRoots {
  readonly #roots: readonly Root[];
  readonly #forbidden: readonly string[];
  readonly #own: Root | undefined;
  readonly #allRoots: readonly Root[];

  /**
   * `forbidden`: the daemon's own places, existing or not. A target may not be one, lie in one, or cover one. Targets
   * directly below `own`, a directory for the daemon's own use, are allowed nevertheless.
   */
  constructor(roots: readonly string[], forbidden: readonly string[], own?: string) {
    this.#roots = roots.map((given) => ({ given: cleanPath(given), real: realPath(given) }));
    this.#forbidden = forbidden.map(realPath);
    this.#own = own === undefined ? undefined : { given: cleanPath(own), real: realPath(own) };
    this.#allRoots = this.#own === undefined ? this.#roots : [...this.#roots, this.#own];
  }

  /**
   * Opens the target's parent directory. Throws `invalid-argument` for a malformed path, `permission-denied` outside
   * the roots, `failed-precondition` for a link, a missing parent or a place of the daemon's own. A directory that is
   * only opened to be entered may have such places in it.
   */
  open(target: string, purpose: Purpose = 'cover'): OpenedParent {
    const opened = this.#open(target, purpose);
    if (opened instanceof LanternError) throw opened;
    return opened;
  }

  /**
   * The same for removing. Undefined where no publication can be: the parent is missing, behind a link, outside the
   * roots or the daemon's own. Throws `invalid-argument`, and `permission-denied` for a directory closed to the daemon.
   */
  openIfThere(target: string): OpenedParent | undefined {
    const opened = this.#open(target, 'cover');
    return opened instanceof OpenedParent ? opened : undefined;
  }

  /** For removing a known publication at a real path, whatever the roots were when it was made. */
  openPublished(realTarget: string): OpenedParent | undefined {
    const opened = openParent(realTarget, realTarget);
    return opened instanceof OpenedParent ? opened : undefined;
  }

  /** True if a real path, as in the mount table, lies below a root and is not the daemon's own. */
  allows(realTarget: string): boolean {
    return this.#allRoots.some(({ real }) => isBelow(realTarget, real)) && this.#ownPlaceAt(realTarget) === undefined;
  }

  /** The target as the mount table would name it. Throws `invalid-argument` and `permission-denied` like `open`. */
  resolve(target: string): string {
    const resolved = this.tryResolve(target);
    if (resolved === undefined) throw this.#outside(target);
    return resolved;
  }

  /** The same, and undefined outside the roots. */
  tryResolve(target: string): string | undefined {
    const clean = checkText(target);
    const found = this.#rootOf(clean);
    return found && join(found.root.real, clean.slice(found.prefix.length));
  }

  /** The real path of the root that the target lies below; undefined outside the roots. */
  rootOf(target: string): string | undefined {
    return this.#rootOf(checkText(target))?.root.real;
  }

  /** The innermost root, and the prefix of the path by which it was found. */
  #rootOf(clean: string): { readonly root: Root; readonly prefix: string } | undefined {
    let best: { readonly root: Root; readonly prefix: string } | undefined;
    for (const root of this.#allRoots) {
      for (const prefix of [root.given, root.real]) {
        if (isBelow(clean, prefix) && prefix.length > (best?.prefix.length ?? 0)) best = { root, prefix };
      }
    }
    return best;
  }

  #open(target: string, purpose: Purpose): OpenedParent | LanternError {
    const resolved = this.tryResolve(target);
    if (resolved === undefined) return this.#outside(target);
    const opened = openParent(resolved, target);
    if (opened instanceof LanternError) return opened;
    // It was opened without a link, so this is its real path.
    const place = this.#ownPlaceAt(resolved);
    if (place === undefined || (purpose === 'enter' && isBelow(place, resolved))) return opened;
    opened[Symbol.dispose]();
    const relation = isBelow(place, resolved) ? 'it would cover' : resolved === place ? 'it is' : 'it lies in';
    return new LanternError(
      'failed-precondition',
      `open the target "${target}": ${relation} "${place}", which is the daemon's own; choose a target elsewhere`,
    );
  }

  /** The place of the daemon's own that a real path is, lies in, or would cover. */
  #ownPlaceAt(real: string): string | undefined {
    if (dirname(real) === this.#own?.real) return undefined;
    for (const path of this.#forbidden) {
      if (real === path || isBelow(real, path) || isBelow(path, real)) return path;
    }
    return undefined;
  }

  #outside(target: string): LanternError {
    const roots = this.#roots.map(({ given }) => `"${given}"`).join(', ');
    return new LanternError(
      'permission-denied',
      `open the target "${target}": it does not lie below a target root (${roots}); choose one that does, or start with another --target-root`,
    );
  }
}

/** Checks and cleans a path without looking at the disk. */
function checkText(target: string): string {
  const refuse = (message: string): LanternError =>
    new LanternError('invalid-argument', `open the target "${target.slice(0, 200)}": ${message}`);
  if (target === '') throw new LanternError('invalid-argument', 'open the target: the path is empty; name one');
  if (target.includes('\0')) throw refuse('it has a NUL byte; remove it');
  if (!target.startsWith('/')) throw refuse('it is not an absolute path; give one that starts with "/"');
  if (Buffer.byteLength(target) > MAX_TARGET_BYTES) throw refuse(`it is longer than ${MAX_TARGET_BYTES} bytes`);
  if (target.split('/').includes('..')) throw refuse('it has a ".." element; name the path without');
  const clean = cleanPath(target);
  if (clean === '/') throw refuse('the root directory cannot be a target; name a directory below it');
  return clean;
}

function openParent(resolved: string, target: string): OpenedParent | LanternError {
  const parent = dirname(resolved);
  try {
    return new OpenedParent(openDirectoryWithoutLinks(parent), resolved, basename(resolved));
  } catch (error) {
    return parentFailure(error, target, parent);
  }
}

function parentFailure(error: unknown, target: string, parent: string): LanternError {
  switch (errnoOf(error)) {
    case 'ELOOP':
      return symbolicLinkAt(target);
    case 'ENOENT':
      return new LanternError(
        'failed-precondition',
        `open the target "${target}": its parent directory "${parent}" does not exist; create it first`,
      );
    case 'ENOTDIR':
      return new LanternError(
        'failed-precondition',
        `open the target "${target}": "${parent}" is not a directory, or lies behind a file; choose another target`,
      );
    case 'ENOSYS':
      return new LanternError(
        'unimplemented',
        `open the target "${target}": this kernel lacks openat2; Linux 5.6 or newer is needed`,
      );
    default:
      throw toLanternError(error, `open the directory "${parent}" of the target "${target}"`);
  }
}

/** Takes clean paths. */
export function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory;
}

/** Takes clean paths. */
export function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory);
}

/** Removes empty and `.` elements from an absolute path. `..` elements stay: they are refused in targets. */
export function cleanPath(path: string): string {
  let clean = '';
  for (const element of path.split('/')) if (element !== '' && element !== '.') clean += `/${element}`;
  return clean || '/';
}

/** For a path that does not exist yet, the real path of its nearest existing directory counts. */
function realPath(path: string): string {
  const clean = cleanPath(path);
  try {
    return realpathSync(clean);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw toLanternError(error, `resolve the directory "${path}"`);
    return join(realPath(dirname(clean)), basename(clean));
  }
}

/**
 * Places that no target may be, lie in or cover: these files and directories, the sockets, and the directory of a
 * socket if it holds only sockets. A socket in a shared directory such as `/run` does not reserve that.
 */
export function ownPlaces(places: readonly (string | undefined)[], sockets: readonly string[]): readonly string[] {
  const directories = sockets.map(dirname).filter(hasOnlySockets);
  return [...places.filter((place) => place !== undefined), ...sockets, ...directories];
}

/** Also true for a missing directory, which the daemon will make. */
function hasOnlySockets(directory: string): boolean {
  try {
    return readdirSync(directory).every((name) => lstatSync(join(directory, name)).isSocket());
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}
