import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, lstatSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';
import { MAX_SOCKET_PATH_BYTES } from '../../config/values.ts';
import { bindError } from './tcp-listener.ts';

/** Nobody but the owner, and with a socket group that one too. */
const OWNER_ONLY = 0o600;
const WITH_GROUP = 0o660;

/** A unix socket that a server listens on; disposing removes it if it is still the one that was made here. */
export class UnixSocket implements Disposable {
  readonly path: string;
  readonly #inode: bigint;

  private constructor(path: string, inode: bigint) {
    this.path = path;
    this.#inode = inode;
  }

  /**
   * Binds the server to a socket at `path`, in a directory made 0700 (0750 with a group) unless it is there. A socket
   * that nobody listens on is replaced; one that somebody does is `failed-precondition`, and so is anything else there.
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
      show(hidden, path);
      return new UnixSocket(path, lstatSync(path, { bigint: true }).ino);
    } catch (error) {
      throw toLanternError(error, `listen on "${path}"`);
    }
  }

  [Symbol.dispose](): void {
    try {
      // Another daemon may have put its own there meanwhile.
      if (lstatSync(this.path, { bigint: true }).ino === this.#inode) unlinkSync(this.path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/**
 * As long as the path itself. Node removes the path that a socket was bound to when it closes, whoever's socket is there by
 * then: so the bound name is one that nobody else uses, and is gone as soon as the socket has its real name.
 */
function hiddenName(path: string): string {
  const name = basename(path);
  return join(dirname(path), (name.startsWith('~') ? '_' : '~') + name.slice(1));
}

/** The socket appears with its rights, and over nobody else's that came meanwhile. */
function show(hidden: string, path: string): void {
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

/** The modes of directories made here. Any other one is somebody's choice, `/tmp` or `/run` perhaps, and stays. */
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
      `listen on "${path}": something that is no socket is there; remove it`,
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
    // Anything but "nobody listens" and "gone" may be somebody who does not let us in.
    probe.once('error', (error) => settle(!['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '')));
  });
}

/** Not even the hidden name has more than the owner's rights for a moment. Binding is synchronous: nobody else runs under the mask. */
async function bindWithUmask(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await once(server, 'listening');
  } catch (error) {
    throw bindError(error, `listen on "${path}"`);
  }
}
