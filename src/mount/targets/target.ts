import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { OpenedParent, symbolicLinkAt } from '../linux/opened-target.ts';
import { openDirectoryWithoutLinks } from '../linux/system-calls.ts';

/** PATH_MAX without its NUL. */
const MAX_TARGET_BYTES = 4095;

/**
 * Where targets may lie. A root is trusted and resolved once, here, because `/var/run` or a kubelet's directory may be
 * reached through a link; below it no symbolic link is followed at all, so nobody who owns a directory on the way can
 * lead a mount elsewhere.
 */
export class TargetRoots {
  readonly #roots: readonly Root[];
  readonly #forbidden: readonly string[];

  /**
   * `forbidden`: files and directories of the daemon's own, such as the run directory. No target may be one, lie in one, or
   * cover one. None of them need exist yet.
   */
  constructor(roots: readonly string[], forbidden: readonly string[]) {
    this.#roots = roots.map((given) => ({ given: cleanPath(given), real: realPath(given) }));
    this.#forbidden = forbidden.map(realPath);
  }

  /**
   * The target's parent directory, opened. `invalid-argument` for a path that is none, `permission-denied` outside the
   * roots, `failed-precondition` for a link, a missing parent or a place of the daemon's own.
   */
  open(target: string): OpenedParent {
    return this.#opened(target, 'cover');
  }

  /** The same for a directory that targets lie in, which may also be one that places of the daemon's own lie in. */
  openDirectory(directory: string): OpenedParent {
    return this.#opened(directory, 'enter');
  }

  #opened(target: string, purpose: Purpose): OpenedParent {
    const opened = this.#open(target, purpose);
    if (opened instanceof OpenedParent) return opened;
    throw opened;
  }

  /**
   * The same for taking away: undefined where nothing of ours can be, as the parent is missing, behind a link, outside
   * the roots or the daemon's own. Throws only `invalid-argument`.
   */
  openIfThere(target: string): OpenedParent | undefined {
    const opened = this.#open(target, 'cover');
    return opened instanceof OpenedParent ? opened : undefined;
  }

  /** For taking away what is known to be at a real path: the roots may have been others when it was published. */
  openPublished(realTarget: string): OpenedParent | undefined {
    const opened = openParent(realTarget, realTarget);
    return opened instanceof OpenedParent ? opened : undefined;
  }

  /** Whether a real path, as the mount table has it, lies below a root and is none of the daemon's own. */
  allows(realTarget: string): boolean {
    return this.#roots.some(({ real }) => isBelow(realTarget, real)) && this.#ownPlaceAt(realTarget) === undefined;
  }

  /** The target as the mount table would name it. `invalid-argument` and `permission-denied` as `open`. */
  resolve(target: string): string {
    const resolved = this.tryResolve(target);
    if (resolved === undefined) throw this.#outside(target);
    return resolved;
  }

  /** The same, and undefined outside the roots. */
  tryResolve(target: string): string | undefined {
    const clean = checkText(target);
    const best = this.#rootOf(clean);
    return best && join(best.root.real, clean.slice(best.prefix.length));
  }

  /** The real path of the root that the target lies below; undefined outside the roots. */
  rootOf(target: string): string | undefined {
    return this.#rootOf(checkText(target))?.root.real;
  }

  #rootOf(clean: string): { readonly root: Root; readonly prefix: string } | undefined {
    const candidates = this.#roots.flatMap((root) => {
      return [root.given, root.real].filter((prefix) => isBelow(clean, prefix)).map((prefix) => ({ root, prefix }));
    });
    return candidates.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  }

  /** The parent, or why there is none to work in. */
  #open(target: string, purpose: Purpose): OpenedParent | LanternError {
    const resolved = this.tryResolve(target);
    if (resolved === undefined) return this.#outside(target);
    const opened = openParent(resolved, target);
    if (opened instanceof LanternError) return opened;
    const real = join(readlinkSync(opened.parentPath), opened.name);
    const place = this.#ownPlaceAt(real);
    if (place === undefined || (purpose === 'enter' && isBelow(place, real))) return opened;
    opened[Symbol.dispose]();
    const relation = isBelow(place, real) ? 'it would cover' : real === place ? 'it is' : 'it lies in';
    return new LanternError(
      'failed-precondition',
      `open the target "${target}": ${relation} "${place}", which is the daemon's own; choose a target elsewhere`,
    );
  }

  /** The place of the daemon's own that a real path is, lies in, or would cover. */
  #ownPlaceAt(real: string): string | undefined {
    return this.#forbidden.find((path) => real === path || isBelow(real, path) || isBelow(path, real));
  }

  #outside(target: string): LanternError {
    const roots = this.#roots.map(({ given }) => `"${given}"`).join(', ');
    return new LanternError(
      'permission-denied',
      `open the target "${target}": it does not lie below a target root (${roots}); choose one that does, or start with another --target-root`,
    );
  }
}

type Purpose = 'cover' | 'enter';

/** As the operator named it, and where that leads. */
type Root = { readonly given: string; readonly real: string };

/** What can be refused without looking at the disk; returns the path without empty and `.` elements. */
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
    return unopened(error, target, parent);
  }
}

function unopened(error: unknown, target: string, parent: string): LanternError {
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

/** Whether one clean path lies below another. */
export function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory;
}

function cleanPath(path: string): string {
  return `/${path
    .split('/')
    .filter((element) => element !== '' && element !== '.')
    .join('/')}`;
}

/** The real path; of what does not exist yet, that of the nearest directory which does. */
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
 * What no target may be, lie in or cover: these files and directories, the sockets, and each socket's directory as far as it
 * is for sockets only. One that somebody put into a directory with other things, `/run` perhaps, does not claim all of it.
 */
export function ownPlaces(places: readonly (string | undefined)[], sockets: readonly string[]): readonly string[] {
  const directories = sockets.map(dirname).filter(hasOnlySockets);
  return [...places.filter((place) => place !== undefined), ...sockets, ...directories];
}

/** So has one that the daemon will make. */
function hasOnlySockets(directory: string): boolean {
  try {
    return readdirSync(directory).every((name) => lstatSync(join(directory, name)).isSocket());
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}
