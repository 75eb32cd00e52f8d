import { once } from 'node:events';
import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { MAX_TIMER_MS } from '../base/clock.ts';
import { type ErrorCode, LanternError, toLanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UnreadableRequest } from './bounded-messages.ts';
import { statusOf } from './status.ts';

export type Unary<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response> | Response;

/** The end of the iteration ends the stream. */
export type Streaming<Request, Message> = (request: Request, signal: AbortSignal) => AsyncIterable<Message>;

export type CallOutcome = 'ok' | ErrorCode;

/** Observes calls to our methods, not to gRPC's own services. Must neither throw nor wait. */
export interface CallObserver {
  /** The function returned is called once, at the end of the call. `method` is `/package.Service/Method`. */
  begun(method: string, kind: 'unary' | 'stream'): (outcome: CallOutcome) => void;
  /** A malformed request, or one with too many fields. Its call ends with `invalid-argument`. */
  unreadable(): void;
}

type Call<Request, Response> = ServerUnaryCall<Request, Response> | ServerWritableStream<Request, Response>;

/** Runs every call: ends it in time, reports it to the observer, and logs one line without contents. */
export class CallDesk {
  readonly #log: Log;
  readonly #isLogged: boolean;
  readonly #shutdown: AbortSignal;
  readonly #observer: CallObserver | undefined;
  /** Of the calls under way that can end early. */
  readonly #running = new Set<AbortController>();

  /** `shutdown` ends waits and streams. */
  constructor(log: Log, shutdown: AbortSignal, observer?: CallObserver) {
    this.#log = log;
    this.#isLogged = log.isLevelEnabled('debug');
    this.#shutdown = shutdown;
    this.#observer = observer;
    // One listener for all calls: adding one to a signal takes as many steps as it has.
    const endAll = () => {
      for (const controller of this.#running) controller.abort(shuttingDown(undefined));
    };
    shutdown.addEventListener('abort', endAll, { once: true });
  }

  /** A method that takes no signal cannot wait, and its calls are spared all that ends a call early. */
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
    const started = this.#isLogged ? performance.now() : 0;
    const ended = this.#observer?.begun(method, kind);
    const controller = handle.length < 2 ? undefined : new AbortController();
    const forget = controller && this.#endInTime(call, controller);
    let code: CallOutcome = 'ok';
    try {
      if (call.request instanceof UnreadableRequest) {
        this.#observer?.unreadable();
        throw call.request.error();
      }
      return await handle(call.request, controller?.signal ?? NEVER);
    } catch (error) {
      const failure = this.#shutdown.aborted ? shuttingDown(error) : toLanternError(error, method);
      code = failure.code;
      // Only the log shows where an unexpected error comes from. Its message may quote input; its stack frames do not.
      const origin = error instanceof LanternError ? error.cause : error;
      if (code === 'internal' && origin !== undefined) {
        const name = origin instanceof Error ? origin.name : typeof origin;
        this.#log.error({ method, error: name, frames: framesOf(origin) }, 'a call failed unexpectedly');
      }
      throw failure;
    } finally {
      forget?.();
      ended?.(code);
      if (this.#isLogged) {
        this.#log.debug({ method, code, ms: Math.round((performance.now() - started) * 10) / 10 }, 'call');
      }
    }
  }

  /** Aborts when the call is cancelled or close to its deadline; the reason says which. The result ends that. */
  #endInTime(call: Call<unknown, unknown>, controller: AbortController): () => void {
    const onCancelled = () => controller.abort();
    call.on('cancelled', onCancelled);
    const remaining = Number(call.getDeadline()) - Date.now();
    const wait = remaining - Math.min(MAX_ANSWER_MS, Math.max(0, remaining / 10));
    const onDeadline = () => controller.abort(new DOMException('the deadline passed', 'TimeoutError'));
    // A call with a later deadline ends with its client.
    const timer = wait <= MAX_TIMER_MS ? setTimeout(onDeadline, wait).unref() : undefined;
    this.#running.add(controller);
    if (this.#shutdown.aborted) controller.abort(shuttingDown(undefined));
    return () => {
      // gRPC emits it after every call.
      call.off('cancelled', onCancelled);
      clearTimeout(timer);
      this.#running.delete(controller);
    };
  }
}

/** For methods that take no signal. */
const NEVER = new AbortController().signal;

/** Milliseconds for the answer to a failed wait, which names what is missing. At most a tenth of the time given. */
const MAX_ANSWER_MS = 500;

/** Any failure during shutdown is worth a retry: the next daemon may succeed. */
function shuttingDown(error: unknown): LanternError {
  const last = error instanceof LanternError && error.code !== 'unavailable' ? ` (${error.message})` : '';
  return new LanternError('unavailable', `the daemon is shutting down; try again${last}`, { cause: error });
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
