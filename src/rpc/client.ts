import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type requestCallback,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type { ControllerClient } from './generated/csi/v1/Controller.ts';
import type { IdentityClient } from './generated/csi/v1/Identity.ts';
import type { NodeClient } from './generated/csi/v1/Node.ts';
import type { HealthClient } from './generated/grpc/health/v1/Health.ts';
import type { EventsClient } from './generated/lantern/v1/Events.ts';
import type { ObjectsClient } from './generated/lantern/v1/Objects.ts';
import type { PageClient } from './generated/lantern/v1/Page.ts';
import type { ProjectorClient } from './generated/lantern/v1/Projector.ts';
import type { TokensClient } from './generated/lantern/v1/Tokens.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { csi, health, lantern } from './protos.ts';
import { fromServiceError } from './status.ts';

/** Calls throw a LanternError with the code and message of the status. */
export type LanternClient = Disposable & {
  readonly projector: AsyncClient<ProjectorClient>;
  readonly objects: AsyncClient<ObjectsClient>;
  readonly events: AsyncClient<EventsClient>;
  readonly tokens: AsyncClient<TokensClient>;
  readonly page: AsyncClient<PageClient>;
  readonly identity: AsyncClient<IdentityClient>;
  readonly controller: AsyncClient<ControllerClient>;
  readonly node: AsyncClient<NodeClient>;
  readonly health: AsyncClient<HealthClient>;
  /** Calls under way fail. */
  close(): void;
};

/** Connects at the first call. Node's HTTP/2 refuses a socket path as `:authority`, unless it is percent-encoded. */
export function connect(socketPath: string, { authority = 'localhost' } = {}): LanternClient {
  const channel = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.default_authority': authority,
  });
  const close = () => channel.close();
  return {
    projector: asyncClient(channel, lantern.Projector.service),
    objects: asyncClient(channel, lantern.Objects.service),
    events: asyncClient(channel, lantern.Events.service),
    tokens: asyncClient(channel, lantern.Tokens.service),
    page: asyncClient(channel, lantern.Page.service),
    identity: asyncClient(channel, csi.Identity.service),
    controller: asyncClient(channel, csi.Controller.service),
    node: asyncClient(channel, csi.Node.service),
    health: asyncClient(channel, health.service),
    close,
    [Symbol.dispose]: close,
  };
}

type CallLimits = { readonly signal?: AbortSignal; readonly deadlineMs?: number };

/** The methods of a generated client as promises and async iterables. */
type AsyncClient<Generated> = {
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

function asyncClient<Generated>(channel: Client, definition: ServiceDefinition): AsyncClient<Generated> {
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
  // The call starts at once, not at the first step of the iteration, so that no event is missed.
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
    // A call may fail before its iteration starts.
    const failures: Error[] = [];
    call.on('error', (error) => failures.push(error));
    return readAll(call, failures, limits.signal, cancel);
  };
}

/** The failure follows the messages. An abort of the caller's signal ends the iteration without an error. */
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
