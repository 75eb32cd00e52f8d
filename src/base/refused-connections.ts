import type { AdmissionRefusal } from './admission.ts';
import type { Clock } from './clock.ts';
import type { Listener } from './connection-limits.ts';
import type { Log } from './log.ts';

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
