import { once } from 'node:events';
import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { MAX_TIMER_MS } from '../base/clock.ts';
import { type ErrorCode, LanternError, toLanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UnreadableRequest } from './bounded-messages.ts';
import { statusOf } from './status.ts';

/** A unary method of a service: the decoded request, an answer or a thrown error. */
export type Unary<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response> | Response;

/** A server-streaming method; its iteration ends the stream. */
export type Streaming<Request, Message> = (request: Request, signal: AbortSignal) => AsyncIterable<Message>;

/** How a call ended. */
export type CallOutcome = 'ok' | ErrorCode;

/** Is notified of every call to one of our methods, not of gRPC's own services. It never throws, and never waits. */
export interface CallObserver {
  /** A call begins; the function returned is called once, when it ends. `method` is `/package.Service/Method`. */
  begun(method: string, kind: 'unary' | 'stream'): (outcome: CallOutcome) => void;
  /** A request is malformed or has too many fields; its call ends with `invalid-argument`. */
  unreadable(): void;
}

type Call<Request, Response> = ServerUnaryCall<Request, Response> | ServerWritableStream<Request, Response>;

/** Runs every call: ends it in time, reports it to the observer, and logs one line without contents. */
export class CallDesk {
  readonly #log: Log;
  readonly #shutdown: AbortSignal;
  readonly #observer: CallObserver | undefined;

  /** `shutdown` ends waits and streams. */
  constructor(log: Log, shutdown: AbortSignal, observer?: CallObserver) {
    this.#log = log;
    this.#shutdown = shutdown;
    this.#observer = observer;
  }

  unary<Request, Response>(method: string, handle: Unary<Request, Response>): handleUnaryCall<Request, Response> {
    return (call, answer) => {
      void this.#run(method, 'unary', call, handle).then(
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
      const pump = async (request: Request, signal: AbortSignal): Promise<void> => {
        for await (const message of handle(request, signal)) {
          // A slow reader slows this loop, not the producer, whose queue is bounded.
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
    handle: (request: Request, signal: AbortSignal) => Promise<Result> | Result,
  ): Promise<Result> {
    const started = performance.now();
    const ended = this.#observer?.begun(method, kind);
    const lifetime = lifetimeOf(call, this.#shutdown);
    let code: CallOutcome = 'ok';
    try {
      if (call.request instanceof UnreadableRequest) {
        this.#observer?.unreadable();
        throw call.request.error();
      }
      return await handle(call.request, lifetime.signal);
    } catch (error) {
      const failure = this.#shutdown.aborted ? shuttingDown(error) : toLanternError(error, method);
      code = failure.code;
      // The log is the only place that shows where an unexpected error comes from. Its message may quote input, the
      // frames of its stack do not.
      const origin = error instanceof LanternError ? error.cause : error;
      if (code === 'internal' && origin !== undefined) {
        this.#log.error({ method, error: nameOf(origin), frames: framesOf(origin) }, 'a call failed unexpectedly');
      }
      throw failure;
    } finally {
      lifetime.end();
      ended?.(code);
      this.#log.debug({ method, code, ms: Math.round((performance.now() - started) * 10) / 10 }, 'call');
    }
  }
}

/** The answer to a wait that the deadline ends says what was missing: it gets this long, or a tenth of the time given. */
const MAX_ANSWER_MS = 500;

/** The signal of one call: its reason tells cancellation, deadline and shutdown apart. `end` removes timer and listeners. */
function lifetimeOf(call: Call<unknown, unknown>, shutdown: AbortSignal): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const onCancelled = () => controller.abort();
  const onShutdown = () => controller.abort(shuttingDown(undefined));
  const onDeadline = () => controller.abort(new DOMException('the deadline passed', 'TimeoutError'));
  call.once('cancelled', onCancelled);
  shutdown.addEventListener('abort', onShutdown, { once: true });
  if (shutdown.aborted) onShutdown();
  const remaining = Number(call.getDeadline()) - Date.now();
  const wait = remaining - Math.min(MAX_ANSWER_MS, Math.max(0, remaining / 10));
  // A call with a later deadline ends with its client.
  const timer = wait <= MAX_TIMER_MS ? setTimeout(onDeadline, wait).unref() : undefined;
  const end = () => {
    clearTimeout(timer);
    // gRPC emits it after every call.
    call.off('cancelled', onCancelled);
    shutdown.removeEventListener('abort', onShutdown);
  };
  return { signal: controller.signal, end };
}

/** Any failure during shutdown: the next daemon may well succeed. */
function shuttingDown(error: unknown): LanternError {
  const last = error instanceof LanternError && error.code !== 'unavailable' ? ` (${error.message})` : '';
  return new LanternError('unavailable', `the daemon is shutting down; try again${last}`, { cause: error });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** The stack without the message before it, which may have several lines. */
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
