import { type CallOptions, InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { Etcd3, type IDuplexStream, type IOptions, type IWatchRequest, type IWatchResponse } from 'etcd3';
import { abortable } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import type { EtcdIdentity } from './identity.ts';

export type EtcdWatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** Time limit for one attempt, in milliseconds: an election takes about one second. */
const ATTEMPT_MS = 2_500;
/** Concurrent calls to one member. A starting node may need thousands of objects. */
const MAX_CALLS = 16;
/** Above every response size; see `listObjects`. */
const MAX_RECEIVED_BYTES = 32 * 1024 * 1024;

/** A member that vanished is noticed within 15 seconds. etcd allows a ping every 5 seconds. */
const CHANNEL: NonNullable<IOptions['grpcOptions']> = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.max_receive_message_length': MAX_RECEIVED_BYTES,
};

type Policies = NonNullable<IOptions['faultHandling']>;

const UNUSED = new AbortController().signal;
const NO_EVENTS = () => ({ dispose: () => {} });
/** The library's default policies call no member for five seconds after three failures; `EtcdClient` retries. */
const ONCE: NonNullable<Policies['global']> = {
  execute: async (call) => call({ signal: UNUSED }),
  onSuccess: NO_EVENTS,
  onFailure: NO_EVENTS,
  // Exists only for the compiler, as the library documents.
  _altReturn: undefined as never,
};

/** Makes a member that lost the leader end the stream, which would otherwise wait and miss changes. */
const withLeader: Interceptor = (options, next) =>
  new InterceptingCall(next(options), {
    start(metadata, listener, start) {
      const own = metadata.clone();
      own.set('hasleader', 'true');
      start(own, listener);
    },
  });

/** One etcd member. `EtcdClient` decides about failed calls. */
export class EtcdEndpoint implements Disposable {
  readonly #url: string;
  readonly #waiting: (() => void)[] = [];
  #client: Etcd3;
  #free = MAX_CALLS;

  constructor(url: string, identity: EtcdIdentity) {
    this.#url = url;
    this.#client = clientOf(url, identity);
  }

  /** Replaces the identity for new calls and streams. Pending calls go on: gRPC lets them end on a closed channel. */
  use(identity: EtcdIdentity): void {
    this.#client.close();
    this.#client = clientOf(this.#url, identity);
  }

  /** Waits for its turn. The library cannot cancel a call: an abandoned one ends at its deadline. */
  async call<T>(send: (client: Etcd3, options: CallOptions) => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    return await abortable(
      send(this.#client, attempt()).finally(() => this.#leave()),
      signal,
    );
  }

  async stream(): Promise<EtcdWatchStream> {
    return await this.#client.watchClient.watch({ interceptors: [withLeader] });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const turn = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    try {
      await abortable(turn, signal);
    } catch (error) {
      // The abandoned turn still comes, and is passed on.
      void turn.then(() => this.#leave());
      throw error;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

function clientOf(url: string, { tls, login }: EtcdIdentity): Etcd3 {
  return new Etcd3({
    hosts: [url],
    grpcOptions: CHANNEL,
    faultHandling: { global: ONCE, host: () => ONCE },
    // The library's type does not allow omitting the authority; undefined means the system's.
    ...(tls !== undefined && { credentials: credentialsOf(tls) }),
    ...(login !== undefined && {
      auth: { username: login.user, password: login.password, callOptions: attempt },
    }),
  });
}

function attempt(): CallOptions {
  return { deadline: Date.now() + ATTEMPT_MS };
}

function credentialsOf({ ca, cert, key }: NonNullable<EtcdIdentity['tls']>): NonNullable<IOptions['credentials']> {
  const pair = cert !== undefined && key !== undefined ? { certChain: cert, privateKey: key } : {};
  return { rootCertificate: ca as Buffer, ...pair };
}

/** Only this file reads errors of etcd, its library and gRPC: their texts may hold data sent, so they go no further. */
type EtcdFailure =
  /** A retry may succeed, here or at another member; the outcome of a write is unknown. */
  'passing' | 'untrusted' | 'unknown-user' | 'forbidden' | 'full' | 'too-large' | 'compacted' | 'unexpected';

/** Matched first: etcd's texts (`rpctypes`); then the library's class for a gRPC status. */
const BY_TEXT: readonly (readonly [RegExp, EtcdFailure])[] = [
  [/certificate|self.signed|SSL|TLS|altname/i, 'untrusted'],
  [/required revision has been compacted/, 'compacted'],
  [/database space exceeded|no space/, 'full'],
  [/request is too large|larger than max/, 'too-large'],
  [/authentication failed|user name is empty|user name not found|authentication is not enabled/, 'unknown-user'],
  // The token was not renewed in time: the next call logs in again.
  [/invalid auth token|revision of auth store is old/, 'passing'],
  [/permission denied/i, 'forbidden'],
  [/etcdserver: (?:no leader|leader changed|not leader|request timed out|too many requests|server stopped)/, 'passing'],
];

const BY_CLASS: Readonly<Record<string, EtcdFailure>> = {
  GRPCUnavailableError: 'passing',
  GRPCDeadlineExceededError: 'passing',
  GRPCCancelledError: 'passing',
  GRPCInternalError: 'passing',
  GRPCUnknownError: 'passing',
  GRPCAbortedError: 'passing',
  GRPCResourceExhastedError: 'too-large',
  GRPCUnauthenticatedError: 'unknown-user',
  EtcdPermissionDeniedError: 'forbidden',
  EtcdAuthenticationFailedError: 'unknown-user',
  EtcdInvalidAuthTokenError: 'passing',
  ClientClosedError: 'passing',
};

export function failureOf(error: unknown): EtcdFailure {
  if (!(error instanceof Error)) return 'unexpected';
  const byText = BY_TEXT.find(([pattern]) => pattern.test(error.message))?.[1];
  if (byText !== undefined) return byText;
  // A stream fails with gRPC's own error, which has a numeric code and no class.
  if ('code' in error && typeof error.code === 'number') return error.code === 16 ? 'unknown-user' : 'passing';
  return BY_CLASS[error.constructor.name] ?? 'unexpected';
}

/** True if a retry may help, at another member first. */
export function isPassing(error: unknown): boolean {
  const failure = failureOf(error);
  return failure === 'passing' || failure === 'untrusted';
}

const MEANING: Readonly<Record<EtcdFailure, readonly [LanternError['code'], string]>> = {
  passing: ['unavailable', 'etcd did not answer in time; see that --etcd-endpoints can be reached and have a leader'],
  untrusted: [
    'unavailable',
    "etcd's certificate or this daemon's was not accepted; see --etcd-ca, --etcd-cert, --etcd-key and that certificates have not expired",
  ],
  'unknown-user': ['permission-denied', 'etcd does not accept the login; see --etcd-user and --etcd-password-file'],
  forbidden: [
    'permission-denied',
    "etcd does not permit it; grant --etcd-user's role read and write below --etcd-prefix",
  ],
  full: ['resource-exhausted', "etcd's space quota is used up; compact and defragment it, then disarm its alarm"],
  'too-large': ['resource-exhausted', 'it is larger than etcd transfers at once'],
  compacted: ['out-of-range', 'that revision is compacted; list again and watch from there'],
  unexpected: ['internal', 'etcd answered with an error that this version does not know'],
};

/** Translates a failed call, keeping nothing of the original. `what` names the attempted action. */
export function etcdError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError) return error;
  const [code, message] = MEANING[failureOf(error)];
  return new LanternError(code, `${what}: ${message}`);
}
