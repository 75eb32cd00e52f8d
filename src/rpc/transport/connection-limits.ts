import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { AdmissionLimits, AdmissionRefusal } from './admission.ts';

/** Where connections come in, as logs and metrics call it. */
export type Listener = 'lantern' | 'csi' | 'tcp' | 'pages';

/** A connection whose peer has not said that it speaks the protocol, TLS included, within this is closed, in milliseconds. */
export const FIRST_WORD_MS = 10_000;

/** No listener needs more, however many descriptors there are. */
const MOST_CONNECTIONS = 1_024;
const MOST_PAGE_CONNECTIONS = 128;

/** What a peer may reset at once beyond its sessions' own, and per second. */
const RESETS = { burst: 256, perSecond: 64 };

export type ConnectionLimits = Readonly<Record<Listener, AdmissionLimits>>;

/**
 * What each listener may have open of the `descriptors` of this process: a quarter for TCP, an eighth for each unix socket, a
 * sixteenth for the pages. So none can take what another needs, and nearly half is left for files.
 */
export function connectionLimits(descriptors: number): ConnectionLimits {
  const share = (part: number, most: number) => Math.max(4, Math.min(most, Math.floor(descriptors / part)));
  const unix = unixLimits(share(8, MOST_CONNECTIONS));
  const tcp = share(4, MOST_CONNECTIONS);
  const pages = share(16, MOST_PAGE_CONNECTIONS);
  return {
    lantern: unix,
    csi: unix,
    tcp: {
      all: tcp,
      others: { connections: tcp, rate: { perSecond: 200, burst: 400 } },
      peer: { connections: part(tcp, 4), rate: { perSecond: 50, burst: 100 } },
      resets: RESETS,
    },
    // A probe asks once and is answered within milliseconds: whoever comes displaces who waits, so there is no rate.
    pages: {
      all: pages,
      others: { connections: pages, rate: undefined },
      peer: { connections: part(pages, 2), rate: undefined },
      resets: RESETS,
    },
  };
}

/**
 * Half of a unix socket is kept for root and the daemon's own user. The kubelet connects anew for each of its calls, three for a
 * volume, and to a daemon in a pid namespace of its own all processes of root are one peer.
 */
function unixLimits(all: number): AdmissionLimits {
  return {
    all,
    others: { connections: part(all, 2), rate: { perSecond: 200, burst: 400 } },
    peer: { connections: part(all, 2), rate: { perSecond: 500, burst: 2_000 } },
    resets: RESETS,
  };
}

function part(whole: number, by: number): number {
  return Math.max(1, Math.floor(whole / by));
}

/**
 * Why a connection was closed that its peer wanted: a limit, `displaced` (it said nothing and made room for another), `silent` (it
 * said nothing in time), `unresponsive` (a ping went unanswered), `handshake` (TLS failed), `resets` (it reset its streams too fast).
 */
export type RefusalReason = AdmissionRefusal | 'displaced' | 'silent' | 'unresponsive' | 'handshake' | 'resets';

/** Hears of every connection. */
export interface ConnectionObserver {
  opened(listener: Listener): void;
  closed(listener: Listener): void;
  refused(listener: Listener, reason: RefusalReason): void;
}

const noObserver: ConnectionObserver = { opened: () => {}, closed: () => {}, refused: () => {} };

/** A reason that goes on is told again this often, in milliseconds. */
const AGAIN_MS = 60_000;

/** Says which connections were refused: the first of a listener and a reason at once, those after it once a minute, by number. */
export class RefusedConnections {
  readonly observer: ConnectionObserver;
  readonly #log: Log;
  readonly #clock: Clock;
  /** How many were not told yet, of the reasons that were told within the last minute. */
  readonly #untold = new Map<string, number>();

  constructor(log: Log, clock: Clock, observer: ConnectionObserver = noObserver) {
    this.#log = log;
    this.#clock = clock;
    this.observer = observer;
  }

  /** `peer` as the log shall call it. */
  note(listener: Listener, reason: RefusalReason, peer: string): void {
    this.observer.refused(listener, reason);
    const key = `${listener} ${reason}`;
    const untold = this.#untold.get(key);
    if (untold !== undefined) {
      this.#untold.set(key, untold + 1);
      return;
    }
    this.#log.warn(
      { listener, reason, peer },
      'a connection was refused or cut off; further ones are told once a minute',
    );
    this.#tellAgain(key, listener, reason);
  }

  #tellAgain(key: string, listener: Listener, reason: RefusalReason): void {
    this.#untold.set(key, 0);
    this.#clock.after(AGAIN_MS, () => {
      const count = this.#untold.get(key) ?? 0;
      this.#untold.delete(key);
      if (count === 0) return;
      this.#log.warn({ listener, reason, count }, 'connections were refused or cut off within the last minute');
      this.#tellAgain(key, listener, reason);
    });
  }
}
