import { once } from 'node:events';
import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { type ErrorCode, LanternError, toLanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { isUnreadable, readRequest } from './bounded-messages.ts';
import { statusOf } from './status.ts';

/** A unary method of a service: the request as it came, an answer or a thrown error. */
export type Unary<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response> | Response;

/** A server-streaming method; its iteration ends the stream. */
export type Streaming<Request, Message> = (request: Request, signal: AbortSignal) => AsyncIterable<Message>;

type Call<Request, Response> = ServerUnaryCall<Request, Response> | ServerWritableStream<Request, Response>;

/** What every call has in common: when it must stop, that it is counted, and one line in the log, without contents. */
export class CallDesk {
  readonly #log: Log;
  readonly #shutdown: AbortSignal;
  readonly #observer: CallObserver;

  /** `shutdown` ends the calls that would otherwise go on: waits and streams. */
  constructor(log: Log, shutdown: AbortSignal, observer: CallObserver = noObserver) {
    this.#log = log;
    this.#shutdown = shutdown;
    this.#observer = observer;
  }

  unary<Request, Response>(method: string, handle: Unary<Request, Response>): handleUnaryCall<Request, Response> {
    return (call, answer) => {
      void this.#run(method, 'unary', call, async (signal) => handle(readRequest(call.request), signal)).then(
        (response) => answer(null, response),
        (error: unknown) => answer(statusOf(error, method)),
      );
    };
  }

  streaming<Request, Message>(
    method: string,
    handle: Streaming<Request, Message>,
  ): handleServerStreamingCall<Request, Message> {
    return (call) => {
      const pump = async (signal: AbortSignal): Promise<void> => {
        for await (const message of handle(readRequest(call.request), signal)) {
          // A slow reader slows this loop, not the producer: that one's queue is bounded.
          if (!call.write(message)) await once(call, 'drain', { signal }).catch(() => {});
          if (signal.aborted) break;
        }
        signal.throwIfAborted();
      };
      void this.#run(method, 'stream', call, pump).then(
        () => call.end(),
        (error: unknown) => call.emit('error', statusOf(error, method)),
      );
    };
  }

  async #run<Request, Response, Result>(
    method: string,
    kind: 'unary' | 'stream',
    call: Call<Request, Response>,
    action: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const started = performance.now();
    const ended = this.#observer.begun(method, kind);
    if (isUnreadable(call.request)) this.#observer.unreadable();
    const lifetime = new CallLifetime(call, this.#shutdown);
    let code: CallOutcome = 'ok';
    try {
      return await action(lifetime.signal);
    } catch (error) {
      const failure = lifetime.isShutDown ? shuttingDown(error) : toLanternError(error, method);
      code = failure.code;
      // Nothing else says where an unexpected error came from, here or below; its message may quote input, its stack's
      // frames do not.
      const origin = error instanceof LanternError ? error.cause : error;
      if (code === 'internal' && origin !== undefined) {
        this.#log.error({ method, error: nameOf(origin), frames: framesOf(origin) }, 'a call failed unexpectedly');
      }
      throw failure;
    } finally {
      lifetime[Symbol.dispose]();
      ended(code);
      this.#log.debug({ method, code, ms: Math.round((performance.now() - started) * 10) / 10 }, 'call');
    }
  }
}

/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Cancellation, deadline and shutdown of one call, as one signal whose reason says which it was. */
class CallLifetime implements Disposable {
  readonly #controller = new AbortController();
  readonly #call: Call<unknown, unknown>;
  readonly #shutdown: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onCancelled = () => this.#controller.abort();
  readonly #onShutdown = () => this.#controller.abort(shuttingDown(undefined));

  constructor(call: Call<unknown, unknown>, shutdown: AbortSignal) {
    this.#call = call;
    this.#shutdown = shutdown;
    call.once('cancelled', this.#onCancelled);
    if (shutdown.aborted) this.#onShutdown();
    shutdown.addEventListener('abort', this.#onShutdown, { once: true });
    const deadline = Number(call.getDeadline());
    const remaining = deadline - Date.now();
    // A call that may last longer than that ends with its client.
    if (remaining <= LONGEST_TIMER_MS) this.#timer = setTimeout(() => this.#expire(), remaining).unref();
  }

  get isShutDown(): boolean {
    return this.#shutdown.aborted;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    // gRPC emits it after every call, when nobody listens any more.
    this.#call.off('cancelled', this.#onCancelled);
    this.#shutdown.removeEventListener('abort', this.#onShutdown);
  }

  #expire(): void {
    this.#controller.abort(new DOMException('the deadline passed', 'TimeoutError'));
  }
}

/** The next daemon may well succeed, whatever a wait that was cut short says of its last attempt. */
function shuttingDown(error: unknown): LanternError {
  const said = error instanceof LanternError && error.code !== 'unavailable' ? ` (${error.message})` : '';
  return new LanternError('unavailable', `the daemon is shutting down; try again${said}`, { cause: error });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** The stack without the message before it, which may have lines of any kind. */
function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  const { message, stack } = error;
  const start = stack.indexOf(message) + message.length;
  return stack
    .slice(start)
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8);
}

/** How a call ended. */
export type CallOutcome = 'ok' | ErrorCode;

/** Hears of every call to a method of ours, not to those of gRPC's own services. It never throws, and never waits. */
export interface CallObserver {
  /** Told when a call begins; what it gives back is called once, when the call ends. `method` is `/package.Service/Method`. */
  begun(method: string, kind: 'unary' | 'stream'): (outcome: CallOutcome) => void;
  /** Told when a call's message is malformed, or has too many fields; the call ends as `invalid-argument`. */
  unreadable(): void;
}

/** For whoever has nobody to tell. */
const noObserver: CallObserver = { begun: () => () => {}, unreadable: () => {} };
