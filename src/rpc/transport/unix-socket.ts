import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, lstatSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { MAX_SOCKET_PATH_BYTES } from '../../config/option.ts';

const OWNER_ONLY = 0o600;
const WITH_GROUP = 0o660;

/** Disposing removes the socket, unless another one has taken its place. */
export class UnixSocket implements Disposable {
  readonly path: string;
  readonly #inode: bigint;

  private constructor(path: string, inode: bigint) {
    this.path = path;
    this.#inode = inode;
  }

  /**
   * The socket is 0600, or 0660 with a group; a missing directory is created, 0700 or 0750. A stale socket is replaced.
   * `failed-precondition` for one that a process listens on, and for any other file.
   */
  static async bind(server: Server, path: string, group: number | undefined): Promise<UnixSocket> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new LanternError(
        'invalid-argument',
        `listen on "${path}": a socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes; choose a shorter --run-dir`,
      );
    }
    try {
      makeDirectory(dirname(path), group);
      await removeStale(path);
      const hidden = hiddenName(path);
      rmSync(hidden, { force: true });
      await bindWithUmask(server, hidden);
      if (group !== undefined) chownSync(hidden, -1, group);
      chmodSync(hidden, group === undefined ? OWNER_ONLY : WITH_GROUP);
      publish(hidden, path);
      return new UnixSocket(path, lstatSync(path, { bigint: true }).ino);
    } catch (error) {
      throw toLanternError(error, `listen on "${path}"`);
    }
  }

  [Symbol.dispose](): void {
    try {
      // Another daemon may have replaced it.
      if (lstatSync(this.path, { bigint: true }).ino === this.#inode) unlinkSync(this.path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/**
 * A name of the same length for binding. When a socket closes, Node removes the path it was bound to, even if another
 * process's socket is there by then. So the socket is bound to this name, linked to its real one, and this one removed.
 */
function hiddenName(path: string): string {
  const name = basename(path);
  return join(dirname(path), (name.startsWith('~') ? '_' : '~') + name.slice(1));
}

/** The socket appears with its final mode, and never replaces another one. */
function publish(hidden: string, path: string): void {
  try {
    linkSync(hidden, path);
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? taken(path) : error;
  } finally {
    unlinkSync(hidden);
  }
}

function taken(path: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `listen on "${path}": another process listens there; stop it, or choose another --run-dir`,
  );
}

/** A directory with another owner or mode is left alone, because it may be shared, such as `/run`. */
const DIRECTORY = 0o700;
const DIRECTORY_WITH_GROUP = 0o750;

function makeDirectory(directory: string, group: number | undefined): void {
  makeDirectories(directory, DIRECTORY);
  if (group === undefined) return;
  const { mode, uid } = statSync(directory);
  const isOurs = uid === process.geteuid?.() && [DIRECTORY, DIRECTORY_WITH_GROUP].includes(mode & 0o7777);
  if (!isOurs) return;
  chownSync(directory, -1, group);
  chmodSync(directory, DIRECTORY_WITH_GROUP);
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new LanternError(
      'failed-precondition',
      `listen on "${path}": a file that is not a socket is there; remove it`,
    );
  }
  if (await isListening(path)) throw taken(path);
  rmSync(path, { force: true });
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.once('connect', () => settle(true));
    // After any other error, a process may listen that does not accept this connection.
    probe.once('error', (error) => settle(!['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '')));
  });
}

/** The hidden name is never accessible to others either. Binding is synchronous: nothing else runs under the mask. */
async function bindWithUmask(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}
