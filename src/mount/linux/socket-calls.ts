import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { LanternError } from '../../base/errors.ts';
import { checked } from './system-calls.ts';

/** Calls on unix sockets that Node does not offer. */

/** The same on x86-64 and arm64, like all numbers here. */
const AF_UNIX = 1;
const FAMILY_BYTES = 2;
/** The size of `sun_path`. */
const MAX_PATH_BYTES = 108;

/** A socket that sends datagrams to one unix address, without ever waiting. */
export class DatagramSocket implements Disposable {
  readonly #fd: number;
  readonly #address: Buffer;
  readonly #sendto: (...values: readonly (number | Buffer)[]) => number;
  #isOpen = true;

  /** `name`: an absolute path, or `@` and an abstract name. `invalid-argument` for any other. */
  constructor(name: string) {
    this.#address = addressOf(name);
    const SOCK_DGRAM = 2;
    const SOCK_CLOEXEC = 0o2000000;
    const library = koffi.load(null);
    // koffi has no ssize_t.
    this.#sendto = library.func('sendto', 'long', ['int', 'void *', 'size_t', 'int', 'void *', 'uint']);
    this.#fd = checked(
      library.func('socket', 'int', ['int', 'int', 'int'])(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
      'socket',
      undefined,
    );
  }

  /** Throws the SystemCallError, EAGAIN if the receiver's queue is full. */
  send(message: Buffer): void {
    const MSG_DONTWAIT = 0x40;
    const MSG_NOSIGNAL = 0x4000;
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = this.#sendto(this.#fd, message, message.length, flags, this.#address, this.#address.length);
    checked(sent, 'sendto', undefined);
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }
}

/**
 * Returns a function that reads the name to which the other side of a unix socket is bound: without the end of a path,
 * with the NUL at the beginning of an abstract name; empty if it has none, undefined if that is not available.
 */
export function peerNameReader(): (fd: number) => Buffer | undefined {
  const getpeername = koffi.load(null).func('getpeername', 'int', ['int', 'void *', 'void *']);
  return (fd) => {
    const address = Buffer.alloc(FAMILY_BYTES + MAX_PATH_BYTES);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(address.length);
    if (getpeername(fd, address, length) !== 0) return undefined;
    const name = address.subarray(FAMILY_BYTES, Math.min(length.readUInt32LE(), address.length));
    return name[0] === 0 ? name : name.subarray(0, name.indexOf(0) < 0 ? undefined : name.indexOf(0));
  };
}

/** A `sockaddr_un`. A path ends with a NUL, an abstract name begins with one and has no end but its length. */
function addressOf(name: string): Buffer {
  const isAbstract = name.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${name.slice(1)}` : `${name}\0`);
  if ((!isAbstract && !name.startsWith('/')) || path.length > MAX_PATH_BYTES || path.length < 3) {
    throw new LanternError(
      'invalid-argument',
      `send to the socket "${name}": it must be an absolute path, or "@" and a name, of less than ${MAX_PATH_BYTES} bytes`,
    );
  }
  const family = Buffer.alloc(FAMILY_BYTES);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path]);
}
