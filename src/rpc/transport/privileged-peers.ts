import type { Socket } from 'node:net';
import { Admission, unixPeers } from './admission.ts';
import {
  type AdmittedSocket,
  admitSocket,
  type Gate,
  type Listener,
  type RefusedConnections,
} from './connection-limits.ts';

/** Admits connections of root and of the daemon's own user to a unix socket, within the limits of the gate. */
export class PrivilegedPeers {
  readonly #listener: Listener;
  readonly #admission: Admission;
  readonly #refused: RefusedConnections;
  readonly #peerOf = unixPeers();

  constructor(listener: Listener, { limits, refused, clock }: Gate) {
    this.#listener = listener;
    this.#admission = new Admission(limits, clock);
    this.#refused = refused;
  }

  /** `pid` is the peer's, see `unixPeers`. Undefined if it was refused; the socket is destroyed then. */
  admit(socket: Socket): (AdmittedSocket & { readonly pid: number }) | undefined {
    const peer = this.#peerOf(socket);
    const entry = admitSocket(socket, peer, this.#listener, this.#admission, this.#refused);
    if (entry === undefined) return undefined;
    // The mode of the socket says the same, but a mode can be changed.
    if (peer.isPrivileged) return { ...entry, pid: peer.pid };
    entry.end('permission');
    return undefined;
  }
}
