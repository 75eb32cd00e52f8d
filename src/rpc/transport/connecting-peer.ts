import { isIP, type Socket } from 'node:net';
import { peerCredentialReader } from '../../mount/linux/process-calls.ts';
import type { Peer } from './admission.ts';

/** A peer and its name in the log. */
export type ConnectingPeer = Peer & { readonly name: string };

/** The peer of a TCP connection; undefined if it has left. A /64 is one peer: whoever has one address of it has all. */
export function tcpPeer({ remoteAddress }: Pick<Socket, 'remoteAddress'>): ConnectingPeer | undefined {
  if (remoteAddress === undefined) return undefined;
  return { key: networkOf(remoteAddress), isPrivileged: false, name: remoteAddress };
}

function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/**
 * The peers of unix sockets: each process of root and of the daemon's own user, so that one of their programs cannot shut
 * out another, and every other user.
 */
export function unixPeers(): (socket: Socket) => ConnectingPeer {
  const credentialsOf = peerCredentialReader();
  return (socket) => {
    const fd: unknown = Reflect.get(Object(Reflect.get(socket, '_handle')), 'fd');
    const found = typeof fd === 'number' && fd >= 0 ? credentialsOf(fd) : undefined;
    if (found === undefined) return { key: 'unknown', isPrivileged: false, name: 'unknown' };
    const { uid, pid } = found;
    const isPrivileged = uid === 0 || uid === process.geteuid?.();
    return { key: isPrivileged ? `${uid} ${pid}` : `${uid}`, isPrivileged, name: `uid ${uid} pid ${pid}` };
  };
}
