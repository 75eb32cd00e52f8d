import { LanternError } from '../base/errors.ts';

/**
 * What a failed call to etcd means. Errors of etcd, of its library and of gRPC are read here and nowhere else: their
 * texts may hold what was sent, so they go no further.
 */
export type EtcdFailure =
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

/** Whether it is worth asking again, another member first. */
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
