import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';

const NO_ERROR = constants.NGHTTP2_NO_ERROR;

/** A watch may be silent for days, so its client must answer pings at this interval. */
const PING_MS = 60_000;
const ANSWER_MS = 20_000;

/** Milliseconds for a client that is cut off to read the reason. */
const FAREWELL_MS = 1_000;

type SessionEvents = {
  /** The peer speaks HTTP/2. */
  readonly spoke: () => void;
  readonly cut: (reason: 'resets' | 'unresponsive') => void;
  /** See `Admitted`. */
  readonly spendResets: (count: number) => boolean;
};

/**
 * Ends an HTTP/2 session whose peer is gone, or resets streams faster than it uses them. It destroys the socket,
 * because a destroyed session of node:http2 waits for ever if nobody reads its pending data.
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
    session.on('stream', this.#follow);
    socket.once('close', () => this.#timer?.[Symbol.dispose]());
  }

  readonly #follow = (stream: ServerHttp2Stream): void => {
    const opened = this.#clock.monotonic();
    let isCounted = false;
    const count = (): void => {
      // A session that ends closes its streams: these are not resets.
      if (isCounted || this.#session.destroyed || this.#socket.destroyed) return;
      isCounted = true;
      if (!stream.aborted && stream.rstCode === NO_ERROR) this.#resets.used();
      else if (!this.#resets.reset(this.#clock.monotonic() - opened)) this.#cut();
    };
    // One read may bring a thousand streams and their resets. A stream that was answered at once is not aborted, and
    // emits `close` only after that read.
    this.#countLast();
    this.#countLast = () => {
      if (stream.closed && stream.rstCode !== NO_ERROR) count();
    };
    stream.on('aborted', count);
    stream.on('close', count);
  };

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

/** Resets of each session. Every stream that is used to its end gives one back. */
const OWN = 64;

/** Milliseconds. A reset of an older stream is free: the limit of open streams bounds their number. */
const FREE_AFTER_MS = 1_000;
/** Milliseconds. Neither a user who gives up nor a deadline resets a stream this soon after it was opened. */
const AT_ONCE_MS = 5;
const AT_ONCE_COST = 4;

/**
 * A session's budget for resets. Attack (CVE-2023-44487): to open and reset a stream costs the peer almost nothing and
 * this process a call, and the limit of open streams does not apply.
 */
export class ResetAllowance {
  readonly #spendShared: (count: number) => boolean;
  #own = OWN;

  /** `spendShared` takes from the shared budget of the peer's sessions; false if that is spent. */
  constructor(spendShared: (count: number) => boolean) {
    this.#spendShared = spendShared;
  }

  /** Records a stream that was used to its end. */
  used(): void {
    if (this.#own < OWN) this.#own += 1;
  }

  /** Records a reset by the client. False if the budget is spent. */
  reset(ageMs: number): boolean {
    if (ageMs >= FREE_AFTER_MS) return true;
    const cost = ageMs < AT_ONCE_MS ? AT_ONCE_COST : 1;
    if (this.#own < cost) return this.#spendShared(cost);
    this.#own -= cost;
    return true;
  }
}
