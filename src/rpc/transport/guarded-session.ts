import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';

/** A watch may be silent for days: its client is asked this often whether it is still there, and has that long to answer. */
const PING_MS = 60_000;
const ANSWER_MS = 20_000;

/** What a session that is cut off has to read why, in milliseconds. */
const FAREWELL_MS = 1_000;

type SessionEvents = {
  /** The peer speaks HTTP/2. */
  readonly spoke: () => void;
  /** The session was ended for this. */
  readonly cut: (reason: 'resets' | 'unresponsive') => void;
  /** As of `Admitted`. */
  readonly spendResets: (count: number) => boolean;
};

/**
 * Ends an HTTP/2 session that does harm: one that resets its streams faster than it uses them, and one whose peer is gone. node:http2 waits
 * for what it still has to write when a session is destroyed, for ever if nobody reads it: so the socket itself is destroyed.
 */
export class GuardedSession {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #events: SessionEvents;
  readonly #resets: ResetAllowance;
  #countLast: () => void = () => {};
  #timer: Disposable | undefined;

  constructor(session: ServerHttp2Session, socket: Socket, clock: Clock, events: SessionEvents) {
    this.#session = session;
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
    this.#resets = new ResetAllowance(events.spendResets);
    session.once('remoteSettings', () => {
      events.spoke();
      this.#pingLater();
    });
    session.on('stream', (stream) => this.#follow(stream));
    socket.once('close', () => this.#timer?.[Symbol.dispose]());
  }

  #follow(stream: ServerHttp2Stream): void {
    const opened = this.#clock.monotonic();
    let isCounted = false;
    const count = (isReset: boolean): void => {
      // A session that ends takes its streams with it.
      if (isCounted || this.#session.destroyed || this.#socket.destroyed) return;
      isCounted = true;
      if (!isReset) this.#resets.used();
      else if (!this.#resets.reset(this.#clock.monotonic() - opened)) this.#cut();
    };
    const isReset = () => stream.rstCode !== constants.NGHTTP2_NO_ERROR;
    // One read may bring a thousand streams and their resets: those that were answered at once are not aborted, and close only after it.
    this.#countLast();
    this.#countLast = () => {
      if (stream.closed && isReset()) count(true);
    };
    stream.once('aborted', () => count(true));
    stream.once('close', () => count(isReset()));
  }

  #cut(): void {
    this.#events.cut('resets');
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#wake(FAREWELL_MS, () => this.#socket.destroy());
  }

  #pingLater(): void {
    this.#wake(PING_MS, () => this.#ping());
  }

  #ping(): void {
    if (this.#session.destroyed) {
      this.#socket.destroy();
      return;
    }
    this.#wake(ANSWER_MS, () => {
      this.#events.cut('unresponsive');
      this.#socket.destroy();
    });
    this.#session.ping((error) => {
      if (error === null && !this.#session.destroyed) this.#pingLater();
    });
  }

  #wake(ms: number, action: () => void): void {
    this.#timer?.[Symbol.dispose]();
    if (!this.#socket.destroyed) this.#timer = this.#clock.after(ms, action);
  }
}

/** Resets that every session has of its own; streams that were used to their end give them back. */
const OWN = 64;

/** A stream that was reset after this was worth having, in milliseconds: how many of those there are is bounded by how many may be open. */
const WORTH_MS = 1_000;
/** Clients whose user gave up, or whose deadline passed, do not reset a stream this soon after they opened it, in milliseconds. */
const AT_ONCE_MS = 5;
const AT_ONCE_COST = 4;

/**
 * What one session may reset. Opening a stream and resetting it costs its peer next to nothing and this process a call, and no limit of
 * streams that are open applies to it (CVE-2023-44487).
 */
export class ResetAllowance {
  readonly #spendShared: (count: number) => boolean;
  #own = OWN;

  /** `spendShared` takes from what the peer's sessions have together; false when that is spent. */
  constructor(spendShared: (count: number) => boolean) {
    this.#spendShared = spendShared;
  }

  /** A stream was used to its end. */
  used(): void {
    if (this.#own < OWN) this.#own += 1;
  }

  /** A stream was reset by its client; false when that is too much. */
  reset(ageMs: number): boolean {
    if (ageMs >= WORTH_MS) return true;
    const cost = ageMs < AT_ONCE_MS ? AT_ONCE_COST : 1;
    if (this.#own < cost) return this.#spendShared(cost);
    this.#own -= cost;
    return true;
  }
}
