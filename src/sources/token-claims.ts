import { randomUUID } from 'node:crypto';
import type { TokenRequest } from './token-issuer.ts';

/** Kubernetes' names for the claims of tokens that never expire. */
const LEGACY = 'kubernetes.io/serviceaccount/';

/** The user name of an account, as Kubernetes writes it. */
function subjectOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The claims of Kubernetes' bound tokens; times in seconds since 1970. */
export function boundClaims(request: TokenRequest, { issuer, issuedAt }: { issuer: string; issuedAt: number }) {
  const { account, audiences, expirationSeconds, pod } = request;
  const { namespace, name, uid } = account;
  return {
    iss: issuer,
    sub: subjectOf(account),
    aud: [...audiences],
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + expirationSeconds,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace,
      ...(pod !== undefined && { pod: { name: pod.name, uid: pod.uid } }),
      serviceaccount: { name, uid },
    },
  };
}

/** The claims of the token in a Secret of an account: the same ones every time, without an end. */
export function lastingClaims(account: TokenRequest['account'], secretName: string, issuer: string) {
  return {
    iss: issuer,
    sub: subjectOf(account),
    [`${LEGACY}namespace`]: account.namespace,
    [`${LEGACY}secret.name`]: secretName,
    [`${LEGACY}service-account.name`]: account.name,
    [`${LEGACY}service-account.uid`]: account.uid,
  };
}
