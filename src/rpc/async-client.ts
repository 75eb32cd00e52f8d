import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  type requestCallback,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { fromServiceError } from './status.ts';

/** When a call must end: at the signal, or after `deadlineMs` milliseconds. */
export type CallLimits = { readonly signal?: AbortSignal; readonly deadlineMs?: number };

/** A generated client's methods as promises and async iterables. */
export type AsyncClient<Generated> = {
  readonly [Name in keyof Generated as AsyncMethod<Name, Generated[Name]>]: AsyncCall<Generated[Name]>;
};

type AsyncMethod<Name, Method> =
  Name extends Uncapitalize<string & Name>
    ? Name extends keyof Client
      ? never
      : AsyncCall<Method> extends never
        ? never
        : Name
    : never;

// The last overload of a generated method: (request, callback) for unary, (request, options?) for a stream.
type AsyncCall<Method> = Method extends (request: infer Request, callback: requestCallback<infer Response>) => unknown
  ? (request: Request, limits?: CallLimits) => Promise<Response>
  : Method extends (request: infer Request, options?: CallOptions) => ClientReadableStream<infer Message>
    ? (request: Request, limits?: CallLimits) => AsyncIterable<Message>
    : never;

type Method = MethodDefinition<object, object>;

/** Calls of one service over a shared connection. */
export function asyncClient<Generated>(channel: Client, definition: ServiceDefinition): AsyncClient<Generated> {
  const calls = Object.entries(definition).map(([name, method]) => {
    const call = method.responseStream ? streamer(channel, method) : caller(channel, method);
    return [name.charAt(0).toLowerCase() + name.slice(1), call];
  });
  return Object.fromEntries(calls) as AsyncClient<Generated>;
}

function caller(channel: Client, { path, requestSerialize, responseDeserialize }: Method) {
  return (request: object, limits: CallLimits = {}) =>
    new Promise<object>((resolve, reject) => {
      const done = (error: ServiceError | null, response?: object): void => {
        limits.signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(limits.signal?.aborted ? limits.signal.reason : fromServiceError(error));
        else resolve(response ?? {});
      };
      const metadata = new Metadata();
      const call = channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        optionsOf(limits),
        done,
      );
      const cancel = () => call.cancel();
      if (limits.signal?.aborted) cancel();
      limits.signal?.addEventListener('abort', cancel, { once: true });
    });
}

function streamer(channel: Client, { path, requestSerialize, responseDeserialize }: Method) {
  // The call starts at once, not at the first step of the iteration: nothing is missed in between.
  return (request: object, limits: CallLimits = {}): AsyncIterable<object> => {
    const call = channel.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      optionsOf(limits),
    );
    const cancel = () => call.cancel();
    if (limits.signal?.aborted) cancel();
    limits.signal?.addEventListener('abort', cancel, { once: true });
    // A call may fail before its iteration starts; the failure waits for it.
    const failures: Error[] = [];
    call.on('error', (error) => failures.push(error));
    return readAll(call, failures, limits.signal, cancel);
  };
}

/** What arrived, then the call's failure; ends quietly when the caller's own signal ended it. */
async function* readAll(
  call: ClientReadableStream<object>,
  failures: readonly Error[],
  signal: AbortSignal | undefined,
  cancel: () => void,
) {
  try {
    yield* call;
    if (failures[0] !== undefined) throw failures[0];
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof Error && 'code' in error ? fromServiceError(error as ServiceError) : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    call.cancel();
  }
}

function optionsOf({ deadlineMs }: CallLimits): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}
