import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SHUT_WR = 1;

/** The most that systemd accepts as a credential, in bytes. */
export const MAX_CREDENTIAL = 1024 * 1024;

/** The abstract name from which systemd asks. */
export function peerName(unit: string, credential: string): string {
  return `\0${randomBytes(8).toString('hex')}/unit/${unit}/${credential}`;
}

/** What a reader gets that is bound to the name, as systemd is; unbound if it is empty. */
export async function readCredential(path: string, name: string): Promise<Buffer> {
  const socket = new Socket({ fd: connectFrom(name, path), readable: true, writable: false });
  try {
    socket.on('data', () => {
      // As systemd, which then gives up.
      if (socket.bytesRead > MAX_CREDENTIAL) socket.push(null);
    });
    return await buffer(socket);
  } finally {
    socket.destroy();
  }
}

/** The descriptor of a connection, shut down for writing as by systemd. */
export function connectFrom(name: string, path: string): number {
  const libc = koffi.load(null);
  const [bind, connect] = ['bind', 'connect'].map((call) => libc.func(call, 'int', ['int', 'void *', 'uint']));
  const fd = libc.func('socket', 'int', ['int', 'int', 'int'])(AF_UNIX, SOCK_STREAM, 0);
  const address = (bytes: string) => Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(bytes)]);
  const own = address(name);
  const other = address(`${path}\0`);
  const isBound = name === '' || bind?.(fd, own, own.length) === 0;
  if (!isBound || connect?.(fd, other, other.length) !== 0) {
    closeSync(fd);
    throw new Error(`cannot connect to "${path}" from "${name}"`);
  }
  libc.func('shutdown', 'int', ['int', 'int'])(fd, SHUT_WR);
  return fd;
}
