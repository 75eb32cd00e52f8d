import { type CallOptions, InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { Etcd3, type IDuplexStream, type IOptions, type IWatchRequest, type IWatchResponse } from 'etcd3';
import { abortable } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import type { EtcdIdentity } from './identity.ts';

export type EtcdWatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** One attempt of a call, in milliseconds: an election takes about one second. */
const ATTEMPT_MS = 2_500;
/** Calls under way at one member. A node that starts with thousands of objects asks for these many at a time. */
const MAX_CALLS = 16;
/** Above everything that is asked for in one go: see `listObjects`. */
const MAX_RECEIVED_BYTES = 32 * 1024 * 1024;

/** Found out within 15 seconds: a member that is gone without a word. etcd allows a ping every 5 seconds. */
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
/**
 * The library's own policies ask no member for five seconds after three failures; when to ask again is decided above.
 */
const ONCE: NonNullable<Policies['global']> = {
  execute: async (call) => call({ signal: UNUSED }),
  onSuccess: NO_EVENTS,
  onFailure: NO_EVENTS,
  // Only there for the compiler, as its own documentation says.
  _altReturn: undefined as never,
};

/** A member that is cut off from the others ends such a stream, rather than let it wait for changes that pass it by. */
const withLeader: Interceptor = (options, next) =>
  new InterceptingCall(next(options), {
    start(metadata, listener, start) {
      const own = metadata.clone();
      own.set('hasleader', 'true');
      start(own, listener);
    },
  });

/** One member of etcd. What comes of a call that failed is for `EtcdClient` to say. */
export class EtcdEndpoint implements Disposable {
  readonly #url: string;
  readonly #waiting: (() => void)[] = [];
  #client: Etcd3;
  #free = MAX_CALLS;

  constructor(url: string, identity: EtcdIdentity) {
    this.#url = url;
    this.#client = clientOf(url, identity);
  }

  /** From now on calls and streams are made as this. Those under way go on: gRPC lets them end on a closed channel. */
  use(identity: EtcdIdentity): void {
    this.#client.close();
    this.#client = clientOf(this.#url, identity);
  }

  /**
   * Waits for its turn. The library cannot end a call early: one that is not waited for any more ends by its deadline.
   */
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
      // Its turn comes all the same, and is passed on.
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
    // As the library has it, the authority may not be left out; an undefined one means the system's.
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

/**
 * What a failed call to etcd means. Errors of etcd, of its library and of gRPC are read here and nowhere else: their
 * texts may hold what was sent, so they go no further.
 */
type EtcdFailure =
  /** Another member, or the same one later, may well answer; whether a write was kept is not known. */
  'passing' | 'untrusted' | 'unknown-user' | 'forbidden' | 'full' | 'too-large' | 'compacted' | 'unexpected';

/** By what etcd says (its `rpctypes`), then by the class the library gives to a gRPC status. */
const BY_TEXT: readonly (readonly [RegExp, EtcdFailure])[] = [
  [/certificate|self.signed|SSL|TLS|altname/i, 'untrusted'],
  [/required revision has been compacted/, 'compacted'],
  [/database space exceeded|no space/, 'full'],
  [/request is too large|larger than max/, 'too-large'],
  [/authentication failed|user name is empty|user name not found|authentication is not enabled/, 'unknown-user'],
  // A token that was not renewed in time: the next call logs in again.
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

/** A failed call as an error of ours; `what` says what was tried, on what. Nothing of the original is kept. */
export function etcdError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError) return error;
  const [code, message] = MEANING[failureOf(error)];
  return new LanternError(code, `${what}: ${message}`);
}
