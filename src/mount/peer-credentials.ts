import koffi from 'koffi';

/** Who made a connection to a unix socket; pid 0 is a process outside of this one's pid namespace. */
export type PeerCredentials = { readonly pid: number; readonly uid: number };

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;

/**
 * Reads who called connect(2) on the other side of a socket (SO_PEERCRED); undefined where that cannot be had. Made once and early: loading
 * takes long enough for the first caller to notice.
 */
export function peerCredentialReader(): (fd: number) => PeerCredentials | undefined {
  // The same values on x86-64 and arm64.
  const SOL_SOCKET = 1;
  const SO_PEERCRED = 17;
  const types = ['int', 'int', 'int', 'void *', 'void *'];
  const getsockopt = koffi.load(null).func('getsockopt', 'int', types) as GetSockOpt;
  return (fd) => {
    const credentials = Buffer.alloc(12);
    const length = Buffer.alloc(4);
    length.writeInt32LE(credentials.length);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
    return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) };
  };
}
