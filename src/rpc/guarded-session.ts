import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { ResetAllowance } from './reset-allowance.ts';

/** A watch may be silent for days: its client is asked this often whether it is still there, and has that long to answer. */
const PING_MS = 60_000;
const ANSWER_MS = 20_000;

/** What a session that is cut off has to read why, in milliseconds. */
const FAREWELL_MS = 1_000;

export type SessionEvents = {
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
