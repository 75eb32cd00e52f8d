import type { AdmissionLimits } from './admission.ts';

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
