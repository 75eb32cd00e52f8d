import { isIP, type Socket } from 'node:net';
import { peerCredentialReader } from '../../mount/linux/process-calls.ts';
import type { Peer } from './admission.ts';

/** A peer, and what the log calls it. */
export type ConnectingPeer = Peer & { readonly name: string };

/** Who connects over TCP; undefined when it has left. All addresses of one /64 are one peer: whoever has one of them has all. */
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
 * Tells who connects to a unix socket. Root and the daemon's own user are told apart by process, so that one of their programs cannot
 * shut out another; everybody else is one peer per user.
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
