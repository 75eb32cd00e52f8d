import { isIP, type Socket } from 'node:net';
import { peerCredentialReader } from '../../mount/linux/process-calls.ts';
import type { Peer } from './admission.ts';

/** `name` is for the log. */
export type ConnectingPeer = Peer & { readonly name: string };

/** Undefined if the peer has left. A /64 is one peer, because its addresses usually have one owner. */
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
 * Each process of root and of the daemon's own user is a peer, so that their programs cannot shut out each other. Every
 * other user is one.
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
