import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Admission, AdmissionLimits, AdmissionRefusal, Admitted, ConnectingPeer } from './admission.ts';

export type GrpcListener = 'lantern' | 'csi' | 'tcp';
export type Listener = GrpcListener | 'credentials' | 'docker' | 'pages' | 'live';

/** Milliseconds for a peer to begin the protocol, including TLS. */
export const FIRST_WORD_MS = 10_000;

/** Limits of one listener, however many descriptors there are. */
const MAX_CONNECTIONS = 1_024;
const MAX_PAGE_CONNECTIONS = 128;
const MAX_ENGINE_CONNECTIONS = 64;
const MAX_LIVE_CONNECTIONS = 64;

/** Stream resets of a peer, in addition to those of its sessions. */
const RESETS = { burst: 256, perSecond: 64 };

export type ConnectionLimits = Readonly<Record<Listener, AdmissionLimits>>;

/**
 * Shares the `descriptors` of this process: a quarter for TCP, an eighth for each socket of gRPC, a sixteenth for the
 * pages and for credentials each, a thirty-second for Docker, a sixty-fourth for the live page. No listener can use up
 * those of another, and almost a third are left for files.
 */
export function connectionLimits(descriptors: number): ConnectionLimits {
  const share = (part: number, max: number, min = 4) => Math.max(min, Math.min(max, Math.floor(descriptors / part)));
  const unix = unixLimits(share(8, MAX_CONNECTIONS));
  const tcp = share(4, MAX_CONNECTIONS);
  return {
    lantern: unix,
    csi: unix,
    credentials: unixLimits(share(16, MAX_CONNECTIONS)),
    docker: unixLimits(share(32, MAX_ENGINE_CONNECTIONS)),
    tcp: {
      all: tcp,
      others: { connections: tcp, rate: { perSecond: 200, burst: 400 } },
      peer: { connections: part(tcp, 4), rate: { perSecond: 50, burst: 100 } },
      resets: RESETS,
    },
    // Needs no rate: a probe takes milliseconds, and a new connection displaces one that waits.
    pages: pageLimits(share(16, MAX_PAGE_CONNECTIONS), 2),
    // Mostly one person, on this machine or behind one tunnel.
    live: pageLimits(share(64, MAX_LIVE_CONNECTIONS, 2), 1),
  };
}

/**
 * Half of a unix socket is reserved for root and the daemon's own user. The kubelet makes a connection for each of its
 * calls, three per volume, and a daemon in its own pid namespace sees all processes of root as one peer.
 */
function unixLimits(all: number): AdmissionLimits {
  return {
    all,
    others: { connections: part(all, 2), rate: { perSecond: 200, burst: 400 } },
    peer: { connections: part(all, 2), rate: { perSecond: 500, burst: 2_000 } },
    resets: RESETS,
  };
}

/** `peers` share the connections. */
function pageLimits(all: number, peers: number): AdmissionLimits {
  return {
    all,
    others: { connections: all, rate: undefined },
    peer: { connections: part(all, peers), rate: undefined },
    resets: RESETS,
  };
}

function part(whole: number, by: number): number {
  return Math.max(1, Math.floor(whole / by));
}

/**
 * A limit, `displaced` (it had sent nothing and made room for another), `silent` (it sent nothing in time),
 * `unresponsive` (it did not answer a ping, or read its answer), `handshake` (TLS failed), `resets` (it reset streams
 * too fast), `permission` (the user may not connect), `name` (it is not bound to a name of systemd's).
 */
export type RefusalReason =
  | AdmissionRefusal
  | 'displaced'
  | 'silent'
  | 'unresponsive'
  | 'handshake'
  | 'resets'
  | 'permission'
  | 'name';

export interface ConnectionObserver {
  opened(listener: Listener): void;
  closed(listener: Listener): void;
  refused(listener: Listener, reason: RefusalReason): void;
}

const noObserver: ConnectionObserver = { opened: () => {}, closed: () => {}, refused: () => {} };

const REPORT_MS = 60_000;

/** Logs the first refusal of each listener and reason at once, the number of others once a minute. */
export class RefusedConnections {
  readonly observer: ConnectionObserver;
  readonly #log: Log;
  readonly #clock: Clock;
  /** Refusals since the last report, by listener and reason; only those reported within the last minute. */
  readonly #pending = new Map<string, number>();

  constructor(log: Log, clock: Clock, observer: ConnectionObserver = noObserver) {
    this.#log = log;
    this.#clock = clock;
    this.observer = observer;
  }

  note(listener: Listener, reason: RefusalReason, peer: string): void {
    this.observer.refused(listener, reason);
    const key = `${listener} ${reason}`;
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      this.#pending.set(key, pending + 1);
      return;
    }
    this.#log.warn(
      { listener, reason, peer },
      'a connection was refused or cut off; further ones are logged once a minute',
    );
    this.#reportLater(key, listener, reason);
  }

  #reportLater(key: string, listener: Listener, reason: RefusalReason): void {
    this.#pending.set(key, 0);
    this.#clock.after(REPORT_MS, () => {
      const count = this.#pending.get(key) ?? 0;
      this.#pending.delete(key);
      if (count === 0) return;
      this.#log.warn({ listener, reason, count }, 'connections were refused or cut off within the last minute');
      this.#reportLater(key, listener, reason);
    });
  }
}

/** The conditions of one listener. */
export type Gate = {
  readonly limits: AdmissionLimits;
  readonly refused: RefusedConnections;
  readonly clock: Clock;
};

/** `end` closes it for a reason. */
export type AdmittedSocket = { readonly admitted: Admitted; readonly end: (reason: RefusalReason) => void };

/**
 * Admits a new connection until it closes, and notifies the observer. Undefined if it was refused, and for a peer that
 * has gone; the socket is destroyed then.
 */
export function admitSocket(
  socket: Socket,
  peer: ConnectingPeer | undefined,
  listener: Listener,
  admission: Admission,
  refused: RefusedConnections,
): AdmittedSocket | undefined {
  const end = (reason: RefusalReason) => {
    if (peer !== undefined) refused.note(listener, reason, peer.name);
    socket.destroy();
  };
  const admitted = peer === undefined ? undefined : admission.admit(peer, () => end('displaced'));
  if (admitted === undefined) socket.destroy();
  else if (typeof admitted === 'string') end(admitted);
  else {
    refused.observer.opened(listener);
    socket.once('close', () => {
      admitted[Symbol.dispose]();
      refused.observer.closed(listener);
    });
    return { admitted, end };
  }
  return undefined;
}
