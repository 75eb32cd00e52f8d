import { closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;

/** The other end of NOTIFY_SOCKET: an absolute path, or `@` and an abstract name. */
export class DatagramReceiver implements Disposable {
  readonly name: string;
  readonly #fd: number;
  readonly #received: string[] = [];

  constructor(name: string) {
    this.name = name;
    const libc = koffi.load(null);
    this.#fd = libc.func('socket', 'int', ['int', 'int', 'int'])(AF_UNIX, SOCK_DGRAM, 0);
    const path = Buffer.from(name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), path]);
    if (libc.func('bind', 'int', ['int', 'void *', 'uint'])(this.#fd, address, address.length) !== 0) {
      throw new Error(`cannot bind "${name}"`);
    }
    const size = Buffer.alloc(4);
    libc.func('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint'])(this.#fd, SOL_SOCKET, SO_RCVBUF, size, 4);
  }

  /** All messages so far. */
  receive(): readonly string[] {
    const recv = koffi.load(null).func('recv', 'long', ['int', 'void *', 'size_t', 'int']);
    const buffer = Buffer.alloc(8_192);
    for (;;) {
      const length = Number(recv(this.#fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) return [...this.#received];
      this.#received.push(buffer.toString('utf8', 0, length));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.name.startsWith('@')) rmSync(this.name, { force: true });
  }
}
