import type { Clock } from '../base/clock.ts';
import { errnoOf, toLanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { DatagramSocket } from '../mount/linux/socket-calls.ts';

type ServiceManagerOptions = {
  /**
   * NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd sets them; see sd_notify(3) and sd_watchdog_enabled(3).
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
};

/** Milliseconds until a message is sent again after the manager's queue was full. */
const RETRY_MS = 100;

/**
 * Reports the daemon's state to systemd. Without a service manager, or with one that cannot be reached, it does nothing
 * else than to log that once: the daemon works without it.
 */
export class ServiceManager implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #socket: DatagramSocket | undefined;
  /** Milliseconds between signs of life; undefined without a watchdog. */
  readonly #intervalMs: number | undefined;
  #timers: Disposable[] = [];
  #hasFailed = false;

  constructor({ environment, pid, clock, log }: ServiceManagerOptions) {
    this.#clock = clock;
    this.#log = log;
    const { NOTIFY_SOCKET: name = '' } = environment;
    this.#socket = name === '' ? undefined : this.#open(name);
    this.#intervalMs = watchdogInterval(environment, pid);
  }

  starting(): void {
    this.#send('STATUS=starting: reading the store and taking over volumes');
  }

  /**
   * Also begins with the signs of life for the watchdog. A timer of the event loop sends them: a loop that hangs, or a
   * stopped process, sends none, and systemd restarts the daemon.
   */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status.replaceAll('\n', ' ')}`);
    this.#watch();
  }

  stopping(): void {
    this.#send('STOPPING=1\nSTATUS=stopping; volumes stay mounted');
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]();
    this.#socket?.[Symbol.dispose]();
  }

  #open(name: string): DatagramSocket | undefined {
    try {
      return new DatagramSocket(name);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #watch(): void {
    if (this.#intervalMs === undefined || this.#socket === undefined) return;
    this.#send('WATCHDOG=1', { isRepeated: true });
    this.#after(this.#intervalMs, () => this.#watch());
  }

  /** A message that comes again anyway is not sent twice. */
  #send(message: string, { isRepeated = false } = {}): void {
    try {
      this.#socket?.send(Buffer.from(message));
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') this.#fail(error);
      else if (!isRepeated) this.#after(RETRY_MS, () => this.#send(message));
    }
  }

  #after(ms: number, action: () => void): void {
    const timer = this.#clock.after(ms, () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      action();
    });
    this.#timers.push(timer);
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const { message } = toLanternError(error, 'notify the service manager at NOTIFY_SOCKET');
    this.#log.warn(`${message}; the daemon goes on without it`);
  }
}

/**
 * Half of the watchdog's time, as sd_watchdog_enabled(3) advises. Undefined if it is off or watches another process.
 */
function watchdogInterval(
  { WATCHDOG_USEC: usec = '', WATCHDOG_PID: watched = '' }: ServiceManagerOptions['environment'],
  pid: number,
): number | undefined {
  if (!/^[1-9]\d{0,14}$/.test(usec) || (watched !== '' && watched !== String(pid))) return undefined;
  return Number(usec) / 2_000;
}
